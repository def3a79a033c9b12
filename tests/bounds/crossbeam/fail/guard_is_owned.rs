use splitmap::{Crossbeam, HashMap};

fn main() {
    let map = HashMap::<u64, u64>::builder().reclaimer::<Crossbeam>().build();
    drop(map.owned_guard());
}
