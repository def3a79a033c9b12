use splitmap::HashMap;

type General = for<'a> fn(&'a u8);
type Special = fn(&'static u8);

fn specialise(map: HashMap<General, u64>) -> HashMap<Special, u64> {
    map
}

fn main() {
    specialise(HashMap::new());
}
