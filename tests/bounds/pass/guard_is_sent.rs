use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, u64>::new();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(map.guard()));
    });
}
