//! Maps and sets can be stored by serde, on every back end.
//!
//! (Needs the feature `serde`. How a cursor is stored: `tests/cursor.rs`.)

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde::de::value::{Error, MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};
use serde::ser::{Impossible, Serialize, SerializeMap, SerializeSeq, Serializer};
use splitmap::DefaultHashBuilder;

use super::R;

type HashMap<K, V, S = DefaultHashBuilder> = splitmap::HashMap<K, V, S, R>;
type HashSet<T, S = DefaultHashBuilder> = splitmap::HashSet<T, S, R>;

#[test]
fn a_map_is_stored_and_read_again() {
    for entries in [0_u32, 1, 2, 1_000] {
        let map: HashMap<u32, String> = (0..entries).map(|n| (n, format!("value {n}"))).collect();
        let text = serde_json::to_string(&map).unwrap();
        assert_eq!(text, serde_json::to_string(&map.pin()).unwrap());
        let expected: BTreeMap<u32, String> = serde_json::from_str(&text).unwrap();
        assert_eq!(expected.len(), map.len());
        let again: HashMap<u32, String> = serde_json::from_str(&text).unwrap();
        assert_eq!(again, map);
        // Another hasher.
        let other: HashMap<u32, String, RandomState> = serde_json::from_str(&text).unwrap();
        let other: BTreeMap<u32, String> = other.into_iter().collect();
        assert_eq!(other, expected);
    }
}

#[test]
fn a_set_is_stored_and_read_again() {
    for values in [0_u32, 1, 2, 1_000] {
        let set: HashSet<u32> = (0..values).collect();
        let text = serde_json::to_string(&set).unwrap();
        assert_eq!(text, serde_json::to_string(&set.pin()).unwrap());
        let expected: Vec<u32> = serde_json::from_str(&text).unwrap();
        assert_eq!(expected.len(), set.len());
        let again: HashSet<u32> = serde_json::from_str(&text).unwrap();
        assert_eq!(again, set);
        let other: HashSet<u32, RandomState> = serde_json::from_str(&text).unwrap();
        let other: BTreeSet<u32> = other.into_iter().collect();
        assert_eq!(other, expected.into_iter().collect());
    }
}

#[test]
fn of_equal_keys_the_last_is_read() {
    let map: HashMap<String, u32> = serde_json::from_str(r#"{"a": 1, "b": 2, "a": 3}"#).unwrap();
    assert_eq!(map.len(), 2);
    assert_eq!(map.pin().get("a"), Some(&3));
    let set: HashSet<u32> = serde_json::from_str("[1, 2, 1]").unwrap();
    assert_eq!(set.len(), 2);
}

#[test]
fn what_is_no_map_is_refused() {
    for text in [
        "",
        "1",
        "[]",
        "null",
        r#"{"a": 1"#,
        r#"{"a": "b"}"#,
        r#"{"a": 1, "b": -1}"#,
    ] {
        let read = serde_json::from_str::<HashMap<String, u32>>(text);
        assert!(read.is_err(), "{text} was read as {read:?}");
    }
    for text in ["", "1", "{}", "null", "[1, 2", r#"["a"]"#, "[1, -1]"] {
        let read = serde_json::from_str::<HashSet<u32>>(text);
        assert!(read.is_err(), "{text} was read as {read:?}");
    }
    let error = serde_json::from_str::<HashSet<u32>>("1").unwrap_err();
    assert!(error.to_string().contains("expected a sequence"), "{error}");
    let error = serde_json::from_str::<HashMap<u32, u32>>("1").unwrap_err();
    assert!(error.to_string().contains("expected a map"), "{error}");
}

/// An input of so many entries that claims to have as many as there can be.
struct Liar(u32);

impl<'de> SeqAccess<'de> for Liar {
    type Error = Error;

    fn next_element_seed<T>(&mut self, seed: T) -> Result<Option<T::Value>, Error>
    where
        T: DeserializeSeed<'de>,
    {
        let Some(left) = self.0.checked_sub(1) else {
            return Ok(None);
        };
        self.0 = left;
        seed.deserialize(left.into_deserializer()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}

impl<'de> MapAccess<'de> for Liar {
    type Error = Error;

    fn next_key_seed<T>(&mut self, seed: T) -> Result<Option<T::Value>, Error>
    where
        T: DeserializeSeed<'de>,
    {
        self.next_element_seed(seed)
    }

    fn next_value_seed<T>(&mut self, seed: T) -> Result<T::Value, Error>
    where
        T: DeserializeSeed<'de>,
    {
        seed.deserialize(self.0.into_deserializer())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    let map = HashMap::<u32, u32>::deserialize(MapAccessDeserializer::new(Liar(10))).unwrap();
    assert_eq!(map, (0..10).map(|n| (n, n)).collect());
    assert!(map.capacity() < 100);
    let set = HashSet::<u32>::deserialize(SeqAccessDeserializer::new(Liar(10))).unwrap();
    assert_eq!(set, (0..10).collect());
    assert!(set.capacity() < 100);
}

/// Counts what it is given, and compares with the length that it was told.
#[derive(Clone, Copy)]
struct Counter;

struct Counting {
    told: usize,
    met: usize,
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*)),*) => {
        $(fn $method(self, $(_: $type),*) -> Result<usize, Error> {
            unreachable!("neither a map nor a sequence")
        })*
    };
}

impl Serializer for Counter {
    type Ok = usize;
    type Error = Error;
    type SerializeSeq = Counting;
    type SerializeTuple = Impossible<usize, Error>;
    type SerializeTupleStruct = Impossible<usize, Error>;
    type SerializeTupleVariant = Impossible<usize, Error>;
    type SerializeMap = Counting;
    type SerializeStruct = Impossible<usize, Error>;
    type SerializeStructVariant = Impossible<usize, Error>;

    refuse!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_none(),
        serialize_unit(),
        serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str)
    );

    fn serialize_some<T: ?Sized + Serialize>(self, _: &T) -> Result<usize, Error> {
        unreachable!()
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<usize, Error> {
        unreachable!()
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<usize, Error> {
        unreachable!()
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Counting, Error> {
        let told = len.expect("some formats want it");
        Ok(Counting { told, met: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        unreachable!()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        unreachable!()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        unreachable!()
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Counting, Error> {
        self.serialize_seq(len)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Error> {
        unreachable!()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        unreachable!()
    }
}

impl SerializeSeq for Counting {
    type Ok = usize;
    type Error = Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, _: &T) -> Result<(), Error> {
        self.met += 1;
        Ok(())
    }

    fn end(self) -> Result<usize, Error> {
        assert_eq!(self.met, self.told);
        Ok(self.met)
    }
}

impl SerializeMap for Counting {
    type Ok = usize;
    type Error = Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, _: &T) -> Result<(), Error> {
        self.met += 1;
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, _: &T) -> Result<(), Error> {
        Ok(())
    }

    fn end(self) -> Result<usize, Error> {
        SerializeSeq::end(self)
    }
}

/// Tells writers to stop, also when a check fails: else they would be waited for without end.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A format that writes the length first is told the right one, while others write the map, and is
/// given what stays.
#[test]
fn the_length_that_is_told_is_that_of_what_follows() {
    let map: HashMap<u32, u32> = (0..500).map(|n| (n, n)).collect();
    let set: HashSet<u32> = (0..500).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for n in 500..800 {
                    map.pin().insert(n, n);
                    set.pin().insert(n);
                }
                for n in 500..800 {
                    map.pin().remove(&n);
                    set.pin().remove(&n);
                }
            }
        });
        for _ in 0..300 {
            let entries = map.serialize(Counter).unwrap();
            assert!((500..=800).contains(&entries));
            let values = set.serialize(Counter).unwrap();
            assert!((500..=800).contains(&values));
        }
    });
}
