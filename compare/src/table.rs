//! Tables of figures: what every workload returns, and what the report shows.

use serde::Serialize;
use splitmap_compare::statistics::Summary;

/// The name of this crate's map.
pub const OURS: &str = "splitmap";

/// Figures of all maps in a few situations.
#[derive(Clone, Serialize)]
pub struct Table {
    pub workload: &'static str,
    pub title: String,
    /// What was done, and how.
    pub about: String,
    pub unit: &'static str,
    pub better: Better,
    pub columns: Vec<String>,
    /// The column by which rows are ranked.
    pub rank: usize,
    pub plot: Plot,
    /// Best first.
    pub rows: Vec<Row>,
}

/// Which figures are the better ones.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Higher,
    Lower,
}

/// How a table is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plot {
    /// A line for each map, over columns that are thread counts.
    Lines,
    /// A bar for each map, of the column by which they are ranked.
    Bars,
    /// One row of a heat map.
    Heat,
    None,
}

/// The figures of one map, one for each column.
#[derive(Clone, Serialize)]
pub struct Row {
    pub map: &'static str,
    pub figures: Vec<Option<Figure>>,
}

/// The rounds of one measurement.
#[derive(Clone, Serialize)]
pub struct Figure {
    pub median: f64,
    /// The middle half of the rounds.
    pub low: f64,
    pub high: f64,
    pub rounds: Vec<f64>,
}

impl Figure {
    /// `None` if there was no round.
    pub fn of(rounds: Vec<f64>) -> Option<Self> {
        let summary = Summary::of(&rounds)?;
        Some(Self {
            median: summary.median,
            low: summary.low,
            high: summary.high,
            rounds,
        })
    }

    pub fn ties(&self, other: &Self) -> bool {
        self.summary().ties(&other.summary())
    }

    fn summary(&self) -> Summary {
        Summary {
            median: self.median,
            low: self.low,
            high: self.high,
        }
    }
}

impl Table {
    /// Sorts the rows, best first; rows without a figure come last.
    pub fn ranked(mut self) -> Self {
        let (rank, better) = (self.rank, self.better);
        let cost = |row: &Row| match &row.figures[rank] {
            Some(figure) if better == Better::Lower => figure.median,
            Some(figure) => -figure.median,
            None => f64::INFINITY,
        };
        self.rows.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        self
    }

    /// The row of this crate's map.
    pub fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.map == OURS)
    }

    /// The median of a row over ours in a column.
    pub fn ratio(&self, row: &Row, column: usize) -> Option<f64> {
        let ours = self.ours()?.figures[column].as_ref()?;
        Some(row.figures[column].as_ref()?.median / ours.median)
    }

    /// Whether a row and ours tie in a column.
    pub fn ties(&self, row: &Row, column: usize) -> bool {
        let ours = self.ours().and_then(|ours| ours.figures[column].as_ref());
        match (ours, row.figures[column].as_ref()) {
            (Some(ours), Some(figure)) => figure.ties(ours),
            _ => false,
        }
    }

    /// The best row of a column among maps that can be shared.
    pub fn best(&self, column: usize) -> Option<&Row> {
        let figure = |row: &Row| row.figures[column].as_ref().map(|figure| figure.median);
        let shared = self.rows.iter().filter(|row| row.map != "std-alone");
        let measured = shared.filter(|row| figure(row).is_some());
        let order = |a: &&Row, b: &&Row| {
            figure(a)
                .unwrap_or(0.0)
                .total_cmp(&figure(b).unwrap_or(0.0))
        };
        match self.better {
            Better::Higher => measured.max_by(order),
            Better::Lower => measured.min_by(order),
        }
    }

    /// The words beside a row: how it stands to ours in the column of the ranking.
    pub fn verdict(&self, row: &Row) -> String {
        if row.map == OURS {
            return "ours".into();
        }
        match self.ratio(row, self.rank) {
            Some(_) if self.ties(row, self.rank) => "a tie".into(),
            Some(ratio) => format!("{} x ours", significant(ratio)),
            None => String::new(),
        }
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let direction = match self.better {
            Better::Higher => "higher is better",
            Better::Lower => "lower is better",
        };
        let mut text = format!("\n{}\n{}: {direction}\n", self.title, self.unit);
        let mut lines = vec![["", ""].map(String::from).to_vec()];
        lines[0].extend(self.columns.iter().cloned());
        for row in &self.rows {
            let mark = if row.map == OURS { ">" } else { "" };
            let mut line = vec![mark.into(), row.map.to_string()];
            line.extend(row.figures.iter().map(|figure| match figure {
                Some(figure) => spread(figure),
                None => "-".into(),
            }));
            line.push(self.verdict(row));
            lines.push(line);
        }
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len() + 2).map(width).collect();
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                text += &match column {
                    0 | 1 => format!("{cell:<width$} "),
                    _ => format!("  {cell:>width$}"),
                };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}

/// The median, and how far the middle half of the rounds lies from it in percent.
fn spread(figure: &Figure) -> String {
    let median = significant(figure.median);
    let wide = (figure.high - figure.low) / 2.0 / figure.median.abs().max(f64::MIN_POSITIVE);
    match figure.rounds.len() {
        1 => median,
        _ => format!("{median} ±{:.0}%", wide * 100.0),
    }
}

/// A figure with three significant digits, and commas between thousands.
pub fn significant(figure: f64) -> String {
    let digits = match figure.abs() {
        ..0.095 => 3,
        ..9.95 => 2,
        ..99.5 => 1,
        _ => 0,
    };
    let text = format!("{figure:.digits$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match rest {
        "" => grouped,
        rest => format!("{grouped}.{rest}"),
    }
}

/// A number with commas between thousands.
pub fn grouped(number: usize) -> String {
    if number < 100 {
        return number.to_string();
    }
    significant(number as f64)
}
