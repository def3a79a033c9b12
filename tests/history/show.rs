//! Failures in print.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use super::record::Call;
use super::search::Stuck;

/// So many of the calls that have a place are shown.
const PLACED: usize = 8;
/// So many others are.
const OTHERS: usize = 16;

/// A table of the calls around the place where a search got stuck, and of those that `relates` to
/// the one that is due: who wrote what it saw, for instance.
pub(super) fn stuck<O: Debug, T: Debug, State: Debug>(
    calls: &[Call<O, T>],
    stuck: &Stuck<State>,
    relates: impl Fn(&Call<O, T>, &Call<O, T>) -> bool,
) -> String {
    let mut rows = BTreeMap::new();
    let due = &calls[stuck.due];
    let related = (0..calls.len()).filter(|&index| relates(&calls[index], due));
    for index in related.take(OTHERS) {
        rows.insert((calls[index].invoked, index), ' ');
    }
    for &index in stuck.placed.iter().rev().take(PLACED) {
        rows.insert((calls[index].invoked, index), ' ');
    }
    let mut place = vec![None; calls.len()];
    for (number, &index) in stuck.placed.iter().enumerate() {
        place[index] = Some(number + 1);
    }
    for &index in stuck.open.iter().take(OTHERS) {
        rows.insert((calls[index].invoked, index), '?');
    }
    rows.insert((due.invoked, stuck.due), '!');
    let rows: Vec<_> = rows.into_iter().collect();

    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} of {} calls have a place, and leave {:?}. No call marked ! or ? can be next, or leads \
         further; the one marked ! returns first.",
        stuck.placed.len(),
        calls.len(),
        stuck.state,
    );
    let cells: Vec<[String; 6]> = rows
        .iter()
        .map(|&((_, index), mark)| {
            let call = &calls[index];
            let outcome = match &call.outcome {
                Some(outcome) => format!("{outcome:?}"),
                None => String::from("unknown"),
            };
            [
                mark.to_string(),
                place[index].map_or(String::new(), |place| place.to_string()),
                call.thread.to_string(),
                format!("{:?} -> {outcome}", call.operation),
                call.invoked.to_string(),
                call.returned
                    .map_or(String::from("never"), |at| at.to_string()),
            ]
        })
        .collect();
    let titles = ["", "place", "thread", "call", "invoked", "returned"].map(String::from);
    let widths: [usize; 6] = std::array::from_fn(|column| {
        let all = cells.iter().chain([&titles]);
        all.map(|row| row[column].len()).max().unwrap_or(0)
    });
    let bars = bars(rows.iter().map(|&((_, index), _)| &calls[index]).collect());
    for (row, bar) in [(&titles, String::new())]
        .into_iter()
        .chain(cells.iter().zip(bars))
    {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        line.push_str(&bar);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A line from invocation to return for each call, in the order of the events: as long as there are
/// events of these calls in between.
fn bars<O, T>(calls: Vec<&Call<O, T>>) -> Vec<String> {
    let mut moments: Vec<_> = calls
        .iter()
        .flat_map(|call| [Some(call.invoked), call.returned])
        .flatten()
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let column = |stamp| moments.binary_search(&stamp).unwrap_or(moments.len());
    let bar = |call: &&Call<O, T>| {
        let from = column(call.invoked);
        let (to, end) = match call.returned {
            Some(returned) => (column(returned), "|"),
            None => (moments.len(), ">"),
        };
        let line = "-".repeat(to - from - 1);
        format!("{}|{line}{end}", " ".repeat(from))
    };
    calls.iter().map(bar).collect()
}
