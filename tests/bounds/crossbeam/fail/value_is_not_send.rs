use std::rc::Rc;

use splitmap::{Crossbeam, DefaultHashBuilder, HashMap};

// Not even the type exists: what is removed from such a map would be dropped on any thread.
fn use_here(_: &HashMap<u64, Rc<u64>, DefaultHashBuilder, Crossbeam>) {}

fn main() {}
