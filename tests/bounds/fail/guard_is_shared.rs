use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, 2)]);
    let guard = map.guard();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(map.get(&1, &guard), Some(&2)));
    });
}
