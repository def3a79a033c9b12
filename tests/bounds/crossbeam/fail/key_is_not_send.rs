use std::rc::Rc;

use splitmap::{Crossbeam, DefaultHashBuilder, HashMap};

// Not even the type exists: what is removed from such a map would be dropped on any thread.
fn use_here(_: &HashMap<Rc<u64>, u64, DefaultHashBuilder, Crossbeam>) {}

fn main() {}
