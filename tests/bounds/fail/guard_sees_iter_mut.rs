use splitmap::HashMap;

fn main() {
    let mut map = HashMap::from([(1, 2)]);
    let guard = map.guard();
    map.iter_mut().for_each(|(_, value)| *value += 1);
    drop(guard);
}
