use splitmap::{HashMap, IterMut};

fn same<'a, 's>(walk: IterMut<'a, u8, &'s str>, _: &'s str) -> IterMut<'a, u8, &'s str> {
    walk
}

fn main() {
    let mut map = HashMap::from([(1, "static")]);
    {
        let short = "short";
        same(map.iter_mut(), short).for_each(|(_, value)| *value = short);
    }
    assert_eq!(map.get_cloned(&1), Some("short"));
}
