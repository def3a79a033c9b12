use splitmap::HashMap;

type General = for<'a> fn(&'a u8);
type Special = fn(&'static u8);

// A shared map of std is as good as a value: nothing can be inserted through it.
fn specialise(
    map: &std::collections::HashMap<u64, General>,
) -> &std::collections::HashMap<u64, Special> {
    map
}

fn main() {
    fn general(_: &u8) {}
    let map = std::collections::HashMap::from([(1, general as General)]);
    let copy: HashMap<u64, Special> = specialise(&map).iter().map(|(&k, &v)| (k, v)).collect();
    assert_eq!(copy.len(), 1);
}
