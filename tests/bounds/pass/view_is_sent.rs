use splitmap::HashMap;

fn main() {
    let map = HashMap::<u64, u64>::new();
    let view = map.pin_owned();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(view));
    });
}
