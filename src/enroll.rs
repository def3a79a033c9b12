//! Enrolling maps and sets for [`flush_all`](crate::flush_all). Not every type of entry can be: see
//! the bounds.

use crate::raw::Retired;
use crate::reclaim::enroll;
use crate::{Epoch, HashMap, HashSet};

impl<K: Send + 'static, V: Send + 'static, S> HashMap<K, V, S, Epoch> {
    /// Enrolls the map for [`flush_all`](crate::flush_all): from now on that frees what was removed
    /// from it, too, on whatever thread it is called. So keys and values are `Send + 'static`.
    ///
    /// Once is enough, for as long as the map lives, also when it is moved. A clone is not enrolled. A
    /// map that is dropped leaves some 250 bytes behind until `flush_all` is called next. Lock-free.
    ///
    /// ```
    /// let map = splitmap::HashMap::from([(1, "one")]);
    /// map.enroll();
    /// map.pin().remove(&1);
    /// splitmap::flush_all();
    /// assert_eq!(map.stats().pending, Some(0));
    /// ```
    ///
    /// Entries that borrow cannot be dropped at any time:
    ///
    /// ```compile_fail,E0597
    /// let name = String::from("one");
    /// let map = splitmap::HashMap::new();
    /// map.pin().insert(1, &*name);
    /// map.enroll();
    /// ```
    pub fn enroll(&self) {
        // SAFETY: the store is this map's, and the bounds say the rest.
        unsafe { enroll::<Retired<K, V>>(self.store()) };
    }
}

impl<T: Send + 'static, S> HashSet<T, S, Epoch> {
    /// Enrolls the set for [`flush_all`](crate::flush_all): as [`HashMap::enroll`].
    ///
    /// ```
    /// let set = splitmap::HashSet::from([1]);
    /// set.enroll();
    /// set.pin().remove(&1);
    /// splitmap::flush_all();
    /// assert_eq!(set.stats().pending, Some(0));
    /// ```
    pub fn enroll(&self) {
        self.map().enroll();
    }
}
