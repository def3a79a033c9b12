use splitmap::HashMap;

type General = for<'a> fn(&'a u8);
type Special = fn(&'static u8);

// Every `General` is a `Special`, but a map of them is not: an insert through the result would put
// a `Special` where others read a `General`.
fn specialise(map: &HashMap<u64, General>) -> &HashMap<u64, Special> {
    map
}

fn main() {
    let map = HashMap::new();
    specialise(&map);
}
