//! The registry and a store with explicit handles, where production has a thread-local: what the
//! models drive. Everything that a handle does is done by the real code.
//!
//! An object that is freed is condemned: its witness is told, and its memory stays to the end. So a
//! bug is a report and no crash.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex};

use super::garbage::{self, Garbage};
use super::registry::Registry;
use super::slot::{Epoch, Pin, Slot};
use super::store::Store;
use crate::model::NothingIsLeft;
use crate::reclaim::Dispose;
use crate::sync::{AtomicBool, AtomicPtr, Exclusive, Ordering, Witness};

/// How many slots a model may use.
const PLACES: usize = 8;

/// A process with one map: a registry, a store, and all objects ever created.
pub struct World {
    registry: ManuallyDrop<Registry>,
    store: ManuallyDrop<Store>,
    objects: Mutex<Vec<Arc<Object>>>,
    /// What belongs to the thread or guard that is alone on a slot.
    places: [Exclusive<()>; PLACES],
    /// Dropped last.
    _check: NothingIsLeft,
}

/// A thread's slot. Dropping it keeps the slot: see [`leave`](Handle::leave).
pub struct Handle {
    slot: &'static Slot,
    world: Arc<World>,
}

/// A pin; it may be used and dropped on any thread, as long as it is on one at a time.
pub struct Guard {
    pin: ManuallyDrop<Pin<'static>>,
    world: Arc<World>,
}

/// A place that readers find an object at, until it is unlinked.
pub struct Entry {
    /// All accesses are Relaxed: the models show that reclamation needs nothing of them.
    link: AtomicPtr<Object>,
    object: Arc<Object>,
    /// For models that have no store: garbage of this one object, once it is retired.
    garbage: Cell<Garbage>,
    has_stamp: AtomicBool,
    world: Arc<World>,
}

struct Object {
    witness: Witness,
    is_retired: Cell<bool>,
    is_freed: Cell<bool>,
}

/// How objects are freed.
enum Objects {}

impl Object {
    fn free(&self) {
        self.witness.free();
        self.is_freed.set(true);
    }
}

// SAFETY: what is retired here is an `Object` that its world keeps.
unsafe impl Dispose for Objects {
    const ENTRY: usize = size_of::<Object>();
    const DROPS: bool = true;
    const SPARE: usize = 2;

    /// The object's own memory is the world's, so it is other memory that becomes spare.
    unsafe fn empty(object: *mut ()) -> Option<NonNull<()>> {
        // SAFETY: the caller's promise.
        unsafe { Self::dispose(object) };
        Some(NonNull::from(Box::leak(Box::new(0_usize))).cast())
    }

    unsafe fn release(memory: NonNull<()>) {
        // SAFETY: from the box in `empty`.
        drop(unsafe { Box::from_raw(memory.as_ptr().cast::<usize>()) });
    }

    unsafe fn dispose(object: *mut ()) {
        // SAFETY: the world keeps the object.
        unsafe { &*object.cast::<Object>() }.free();
    }

    unsafe fn bytes(_: *mut ()) -> usize {
        size_of::<Object>()
    }

    unsafe fn condemn(_: *mut ()) {
        unreachable!("`dispose` does no more than this");
    }
}

impl World {
    /// A world with no slot in use.
    pub fn new() -> Arc<World> {
        let check = NothingIsLeft::new();
        Arc::new(World {
            _check: check,
            registry: ManuallyDrop::new(Registry::new()),
            store: ManuallyDrop::new(Store::new()),
            objects: Mutex::default(),
            places: std::array::from_fn(|_| Exclusive::default()),
        })
    }

    fn registry(self: &Arc<World>) -> &'static Registry {
        // SAFETY: handles and guards, which is where it goes, keep the world alive.
        unsafe { &*ptr::from_ref::<Registry>(&self.registry) }
    }

    /// Claims a slot, as a thread does when it first pins.
    pub fn enter(self: &Arc<World>) -> Handle {
        Handle {
            slot: self.registry().claim(),
            world: Arc::clone(self),
        }
    }

    /// Pins without a thread.
    pub fn pin_alone(self: &Arc<World>) -> Guard {
        Guard::new(self, self.registry().pin_alone())
    }

    /// Tries to advance the epoch.
    pub fn advance(&self) -> bool {
        self.registry.advance().advanced
    }

    /// Lowers the number of slots that a scan looks at, if no thread uses the last.
    pub fn lower(&self) {
        self.registry.lower();
    }

    /// The present epoch, counted from the first.
    ///
    /// # Panics
    ///
    /// If it is not one of the first few.
    pub fn epoch(&self) -> usize {
        let now = self.registry.epoch();
        let mut epochs = std::iter::successors(Some(Epoch::FIRST), |epoch| Some(epoch.next()));
        let number = epochs.by_ref().take(20).position(|epoch| epoch == now);
        number.expect("no model goes on for so long")
    }

    /// How many slots a scan looks at.
    pub fn looked_at(&self) -> usize {
        self.registry.in_use().count()
    }

    /// The greatest number of slots that were ever in use, or more.
    pub fn participants(&self) -> usize {
        self.registry.most()
    }

    /// Links a new object.
    pub fn entry(self: &Arc<World>) -> Arc<Entry> {
        let object = Arc::new(Object {
            witness: Witness::new(),
            is_retired: Cell::new(false),
            is_freed: Cell::new(false),
        });
        let mut objects = self.objects.lock().expect("no thread has panicked");
        objects.push(Arc::clone(&object));
        Arc::new(Entry {
            link: AtomicPtr::new(Arc::as_ptr(&object).cast_mut()),
            object,
            garbage: Cell::default(),
            has_stamp: AtomicBool::new(false),
            world: Arc::clone(self),
        })
    }

    /// The objects that stand beside the bags: no step of the execution.
    pub fn in_parcels(&self) -> usize {
        self.store.in_parcels()
    }

    /// Raises the `taken` of a bag, and never lowers it.
    pub fn divert(&self, slot: usize) {
        self.store.divert(slot);
    }

    fn pending(&self) -> usize {
        let objects = self.objects.lock().expect("no thread has panicked");
        let is_pending = |object: &&Arc<Object>| object.is_retired.get() && !object.is_freed.get();
        objects.iter().filter(is_pending).count()
    }

    /// Checks the books when all threads are joined and all guards dropped. With the last of its
    /// entries the map goes too: every object that was retired is freed by then, once.
    pub fn end(self: Arc<World>) {
        let stats = self.store.stats(&self.registry);
        assert_eq!(stats.pinned, Some(0), "a slot is still pinned");
        assert_eq!(stats.pending, Some(self.pending()), "the books are wrong");
        let bytes = self.pending() * size_of::<Object>();
        assert_eq!(stats.pending_bytes, Some(bytes), "the books are wrong");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The execution has failed, and loom cannot go on in it.
        if std::thread::panicking() {
            return;
        }
        // SAFETY: dropped here and nowhere else, as below.
        unsafe { ManuallyDrop::drop(&mut self.store) };
        assert_eq!(self.pending(), 0, "retired and never freed");
        // SAFETY: as above; no slot of it is borrowed, since handles and guards keep the world.
        unsafe { ManuallyDrop::drop(&mut self.registry) };
    }
}

impl Handle {
    /// Pins.
    ///
    /// # Panics
    ///
    /// If a model pins a slot too often.
    pub fn pin(&self) -> Guard {
        let pin = self.world.registry().pin(self.slot);
        Guard::new(&self.world, pin.expect("so many guards has no model"))
    }

    /// Gives the slot up. Guards may be alive on it.
    pub fn leave(self) {
        self.slot.give_up();
    }

    /// The slot's number.
    pub fn slot(&self) -> usize {
        self.slot.index()
    }

    /// Frees what can be freed.
    pub fn flush(&self) {
        let pin = || {
            let pin = self.world.registry().pin(self.slot);
            pin.expect("so many guards has no model")
        };
        // SAFETY: the world retires `Objects` alone.
        unsafe { self.world.store.flush::<Objects>(&self.world.registry, pin) };
    }
}

impl Guard {
    fn new(world: &Arc<World>, pin: Pin<'static>) -> Guard {
        Guard {
            pin: ManuallyDrop::new(pin),
            world: Arc::clone(world),
        }
    }

    /// Unpins and pins again, if this is the only guard on its slot.
    pub fn refresh(&mut self) {
        self.world.registry().repin(&mut self.pin);
    }

    /// The number of the slot.
    pub fn slot(&self) -> usize {
        self.pin.slot().index()
    }

    /// Unlinks what an entry holds, and retires it.
    pub fn remove(&self, entry: &Entry) {
        entry.unlink();
        assert!(!entry.object.is_retired.replace(true), "retired twice");
        let object = Arc::as_ptr(&entry.object).cast_mut().cast();
        let (store, registry) = (&self.world.store, &self.world.registry);
        let place = store.place(&self.pin);
        // SAFETY: retired once, which was just asked; the world keeps the object.
        unsafe { store.retire::<Objects>(registry, &self.pin, place, object) };
    }

    /// The end of a write.
    pub fn tick(&self) {
        let (store, registry) = (&self.world.store, &self.world.registry);
        let place = store.place(&self.pin);
        // SAFETY: the world retires `Objects` alone.
        unsafe { store.tick::<Objects>(registry, &self.pin, place, 0) };
    }

    /// Takes spare memory, if this slot's bag has some, and gives it back to the allocator.
    pub fn use_spare(&self) -> bool {
        let place = self.world.store.place(&self.pin);
        // SAFETY: pinned on the bag's slot.
        let spare = place.and_then(|bag| unsafe { bag.spare() });
        // SAFETY: just taken; the world retires `Objects` alone.
        spare
            .map(|memory| unsafe { Objects::release(memory) })
            .is_some()
    }

    /// Counts a write, and says how many entries all of them left.
    pub fn count(&self, by: isize) -> usize {
        let store = &self.world.store;
        // SAFETY: as in `tick`.
        unsafe { store.count::<Objects>(&self.pin, store.place(&self.pin), by) };
        store.len()
    }

    /// Asserts that no other thread is on the slot, and that what others did there is over and
    /// happened before. No step of the execution.
    pub fn is_alone(&self) {
        // SAFETY: loom checks it, and there is nothing to access.
        unsafe { self.world.places[self.slot()].with(|()| ()) };
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: dropped here and nowhere else.
            unsafe { ManuallyDrop::drop(&mut self.pin) };
        }
    }
}

impl Entry {
    /// Uses the object, if it is found. `_guard` is what protects it.
    pub fn read(&self, _guard: &Guard) -> bool {
        // Relaxed: see the field.
        let object = self.link.load(Ordering::Relaxed);
        // SAFETY: the world keeps the object.
        let object = unsafe { object.as_ref() };
        if let Some(object) = object {
            object.witness.touch();
        }
        object.is_some()
    }

    /// Uses an object that was found before, under the same guard.
    pub fn read_on(&self, _guard: &Guard) {
        self.object.witness.touch();
    }

    fn unlink(&self) {
        // Relaxed: see the field.
        self.link.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Unlinks the object and notes the epoch, without a store. Notes nothing else: a thread that
    /// reads the note has not acquired the unlink by it.
    pub fn unlink_and_stamp(&self, _guard: &Guard) {
        self.unlink();
        let mut garbage = Garbage::default();
        garbage.push(
            garbage::Object(ptr::null_mut()),
            self.world.registry.epoch(),
        );
        self.garbage.set(garbage);
        // Relaxed: see above.
        self.has_stamp.store(true, Ordering::Relaxed);
    }

    /// Frees the object if that note says so.
    pub fn free_if_over(&self) {
        // Relaxed: see `unlink_and_stamp`.
        if self.has_stamp.load(Ordering::Relaxed) {
            let mut garbage = self.garbage.take();
            garbage.settle(self.world.registry.epoch());
            if garbage.pop_in_place().is_some() {
                self.object.free();
            }
            self.garbage.set(garbage);
        }
    }

    /// Frees the object, as the model knows that it may.
    pub fn free(&self) {
        self.object.free();
    }

    /// Whether the object is freed. No step of the execution.
    pub fn is_freed(&self) -> bool {
        self.object.is_freed.get()
    }
}
