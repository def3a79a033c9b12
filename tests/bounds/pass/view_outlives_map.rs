use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, u64>::new();
    let view = map.pin();
    drop(view);
    drop(map);
}
