//! A cursor can be stored by serde, as the number that it is.

#![cfg(feature = "serde")]

use splitmap::{Cursor, HashMap};

#[test]
fn a_cursor_is_stored_as_a_number() {
    for bits in [
        0,
        1,
        2,
        1 << 32,
        1 << 53 | 1,
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let cursor = Cursor::from_bits(bits);
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(text, bits.to_string());
        let again: Cursor = serde_json::from_str(&text).unwrap();
        assert_eq!(again, cursor);
        assert_eq!(again.to_bits(), bits);
    }
}

/// With where a scan goes on, which may be nowhere.
#[test]
fn the_end_of_a_scan_is_stored_as_nothing() {
    let text = serde_json::to_string(&None::<Cursor>).unwrap();
    assert_eq!(text, "null");
    assert_eq!(
        serde_json::from_str::<Option<Cursor>>(&text).unwrap(),
        None::<Cursor>
    );
}

#[test]
fn what_is_no_place_is_refused() {
    for text in ["-1", "1.5", "\"1\"", "[1]", "{}", "18446744073709551616"] {
        let read = serde_json::from_str::<Cursor>(text);
        assert!(read.is_err(), "{text} was read as {read:?}");
    }
}

#[test]
fn a_scan_goes_on_from_where_a_stored_cursor_says() {
    let map: HashMap<u32, u32> = (0..1_000).map(|key| (key, key)).collect();
    let mut met = Vec::new();
    let mut stored = serde_json::to_string(&Some(Cursor::START)).unwrap();
    while let Some(cursor) = serde_json::from_str(&stored).unwrap() {
        assert!(met.len() < map.len(), "the scan does not get on");
        let view = map.pin();
        let mut scan = view.scan(cursor, 10);
        met.extend(scan.by_ref().map(|(key, _)| *key));
        stored = serde_json::to_string(&scan.cursor()).unwrap();
    }
    let view = map.pin();
    assert_eq!(met, view.keys().copied().collect::<Vec<_>>());
}
