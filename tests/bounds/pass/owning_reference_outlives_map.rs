use splitmap::HashMap;

fn main() {
    let map = HashMap::from([(1, 1)]);
    let _all = map.pin().into_iter();
    let _one = map.get_ref(&1);
}
