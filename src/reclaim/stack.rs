//! A stack of which all is taken at once, so that nothing can be taken twice.

use std::cell::Cell;
use std::ptr;

use crate::sync::{AtomicPtr, Ordering, Witness, const_unless_loom};

/// See the file's header. What is in it is used by nobody.
pub(crate) struct Stack<T> {
    top: AtomicPtr<Layer<T>>,
}

struct Layer<T> {
    item: T,
    /// The address of the next. Not a pointer: a push may succeed on an address that was freed and
    /// given out again since it was read, and it is the new layer there that is meant.
    below: Cell<usize>,
    witness: Witness,
    #[cfg(splitmap_loom)]
    _counted: crate::model::audit::Allocation,
}

impl<T> Stack<T> {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Stack {
                top: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    /// A hint.
    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        // Relaxed: not looked into.
        !self.top.load(Ordering::Relaxed).is_null()
    }

    pub(crate) fn push(&self, item: T) {
        let layer = Box::into_raw(Box::new(Layer {
            item,
            below: Cell::new(0),
            witness: Witness::new(),
            #[cfg(splitmap_loom)]
            _counted: crate::model::audit::Allocation::new(crate::model::audit::LAYER),
        }));
        layer.expose_provenance();
        // Relaxed: not looked into.
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            // SAFETY: still ours.
            unsafe { &*layer }.below.set(top.addr());
            // Release: pairs with the Acquire in `take`; publishes the layer.
            // Relaxed: not looked into.
            let swing = self
                .top
                .compare_exchange(top, layer, Ordering::Release, Ordering::Relaxed);
            match swing {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes everything, the newest first.
    pub(crate) fn take(&self) -> Vec<T> {
        // Acquire: pairs with the Release in `push`, and with those before it: every write to the
        // stack is a read-modify-write.
        let mut layer = self.top.swap(ptr::null_mut(), Ordering::Acquire);
        let mut items = Vec::new();
        while !layer.is_null() {
            // SAFETY: from the box in `push`; the whole stack is ours since the swap.
            let layer_was = *unsafe { Box::from_raw(layer) };
            layer_was.witness.touch();
            items.push(layer_was.item);
            layer = ptr::with_exposed_provenance_mut(layer_was.below.get());
        }
        items
    }
}

impl<T> Drop for Stack<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Stack;

    #[test]
    fn all_comes_out_once_the_newest_first() {
        let stack = Stack::new();
        assert!(!stack.has_some());
        (0..5).for_each(|item| stack.push(Box::new(item)));
        assert!(stack.has_some());
        assert!(stack.take().into_iter().map(|item| *item).eq((0..5).rev()));
        assert_eq!((stack.take().len(), stack.has_some()), (0, false));
    }

    #[test]
    fn what_nobody_took_is_dropped_with_the_stack() {
        let item = Arc::new(());
        let stack = Stack::new();
        (0..3).for_each(|_| stack.push(Box::new(Arc::clone(&item))));
        assert_eq!(Arc::strong_count(&item), 4);
        drop(stack);
        assert_eq!(Arc::strong_count(&item), 1);
    }
}
