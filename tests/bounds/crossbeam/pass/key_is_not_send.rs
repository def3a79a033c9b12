use std::sync::Arc;

use splitmap::{Crossbeam, DefaultHashBuilder, HashMap};

fn use_here(map: &HashMap<Arc<u64>, u64, DefaultHashBuilder, Crossbeam>) {
    assert!(map.is_empty());
}

fn main() {
    use_here(&HashMap::default());
}
