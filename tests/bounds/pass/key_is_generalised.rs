type General = for<'a> fn(&'a u8);
type Special = fn(&'static u8);

fn specialise(key: General) -> Special {
    key
}

fn main() {
    fn general(_: &u8) {}
    let map = splitmap::HashMap::<Special, u64>::new();
    map.pin().insert(specialise(general), 1);
}
