//! Wins, ties and losses in one list.

use crate::table::{Better, OURS, Table, significant};

/// How this crate's map stands in one table.
pub struct Standing {
    pub what: String,
    pub ours: String,
    pub best: String,
    pub outcome: Outcome,
}

/// Against the best other map that threads can share.
#[derive(Clone, Copy, PartialEq)]
pub enum Outcome {
    /// So many times as good.
    Win(f64),
    Tie,
    /// So many times worse.
    Loss(f64),
}

impl Outcome {
    pub fn words(self) -> String {
        match self {
            Self::Win(times) => format!("{} x better", significant(times)),
            Self::Tie => "a tie".into(),
            Self::Loss(times) => format!("{} x worse", significant(times)),
        }
    }
}

/// Where ours stands, the greatest win first, the greatest loss last.
pub fn standings(tables: &[Table]) -> Vec<Standing> {
    let mut standings: Vec<_> = tables.iter().flat_map(of_table).collect();
    let order = |outcome: &Outcome| match outcome {
        Outcome::Win(times) => -times,
        Outcome::Tie => 0.0,
        Outcome::Loss(times) => *times,
    };
    standings.sort_by(|a, b| order(&a.outcome).total_cmp(&order(&b.outcome)));
    standings
}

/// One line for the column of the ranking, or one for each where columns are different things.
fn of_table(table: &Table) -> Vec<Standing> {
    let columns = match table.workload {
        "crossings" => 0..0,
        "operations" | "many" | "hashers" | "keys" | "growth" | "trace" => 0..table.columns.len(),
        _ => table.rank..table.rank + 1,
    };
    columns
        .filter_map(|column| standing(table, column))
        .collect()
}

fn standing(table: &Table, column: usize) -> Option<Standing> {
    let ours = table.ours()?.figures[column].as_ref()?;
    let mut others = table.clone();
    others.rows.retain(|row| row.map != OURS);
    let best = others.best(column)?;
    let figure = best.figures[column].as_ref()?;
    let better = match table.better {
        Better::Higher => ours.median / figure.median,
        Better::Lower => figure.median / ours.median,
    };
    let outcome = match better {
        _ if ours.ties(figure) => Outcome::Tie,
        1.0.. => Outcome::Win(better),
        _ => Outcome::Loss(better.recip()),
    };
    Some(Standing {
        what: format!("{}: {}", table.title, table.columns[column]),
        ours: format!("{} {}", significant(ours.median), short(table.unit)),
        best: format!("{} {}", best.map, significant(figure.median)),
        outcome,
    })
}

/// The unit in few letters.
fn short(unit: &str) -> &str {
    match unit {
        _ if unit.starts_with("million") => "M/s",
        _ if unit.starts_with("nanoseconds") => "ns",
        _ if unit.starts_with("bytes") => "B",
        _ => unit.split(' ').next().unwrap_or(unit),
    }
}

/// The list as text.
pub fn text(tables: &[Table]) -> String {
    let mut text = String::from("\nsplitmap against the best other map that threads can share\n");
    for standing in standings(tables) {
        let Standing {
            what,
            ours,
            best,
            outcome,
        } = standing;
        text += &format!("  {:<13} {what}: {ours}, {best}\n", outcome.words());
    }
    text
}
