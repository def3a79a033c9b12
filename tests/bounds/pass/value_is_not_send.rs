use std::sync::Arc;

use splitmap::HashMap;

fn share(map: &HashMap<u64, Arc<u64>>) {
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(map.is_empty()));
    });
}

fn main() {
    share(&HashMap::new());
}
