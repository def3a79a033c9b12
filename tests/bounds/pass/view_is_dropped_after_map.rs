use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, "one")]);
    {
        let _held = map.pin();
    }
    drop(map);
}
