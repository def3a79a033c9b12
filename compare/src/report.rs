//! The report: one page that needs nothing else, and the results for programs.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;
use crate::plot;
use crate::summary::{Outcome, standings};
use crate::table::{OURS, Plot, Table, significant};

#[derive(Serialize)]
pub struct Report<'a> {
    pub machine: &'a Machine,
    pub tables: &'a [Table],
    /// Everything was only tried.
    pub trial: bool,
}

/// What the reader needs to know of the method.
pub const METHOD: &str = "All maps run in one process, one after the other within each round, after a warming; \
    a figure is the median of the rounds, and ± the middle half of them. Where two spreads overlap, it is a tie. \
    All maps hash with clones of one hash builder, except where the title says that each has its own. Every \
    operation pins or locks by itself, except where the column says \"one guard\". Every answer is checked; a wrong \
    one ends the run. \"std-alone\" is the standard map without any synchronisation: a limit, not a rival.";

/// What cannot be concluded.
pub fn caution(cores: usize) -> String {
    format!(
        "This machine has {cores} cores. Figures for more threads than that show how the maps share cores, not how \
         they scale. A map that writes to memory which other readers use, as a lock or a counter of readers does, \
         loses more with each further core; how much cannot be concluded from here. Run it on yours: \
         cargo bench --bench compare."
    )
}

const STYLE: &str = "
:root { color-scheme: light dark; --paper: #fffffe; --ink: #1f2328; --pale: #59636e; --line: #d8dee4; --ours: #ddf0ff;
  --win: #1a7f37; --loss: #b35900 }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --pale: #9aa4ae; --line: #30363d;
  --ours: #12304d; --win: #4ac26b; --loss: #f0a04b } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 1000px;
  margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line) } h3 { margin: 2rem 0 .3rem }
p.pale, figcaption { color: var(--pale) } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0 }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left } td.words, th.words { white-space: normal; text-align: left }
tr.ours { background: var(--ours); font-weight: 600 } .win { color: var(--win) } .loss { color: var(--loss) }
td small { color: var(--pale) } nav a { margin-right: 1em }";

impl Report<'_> {
    /// Writes `report.html` and `results.json` into a folder.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let failed = |error| format!("cannot write into {folder:?}: {error}");
        fs::create_dir_all(folder).map_err(failed)?;
        fs::write(folder.join("results.json"), self.json()).map_err(failed)?;
        fs::write(folder.join("report.html"), self.page()).map_err(failed)
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("names and numbers can be written") + "\n"
    }

    /// The page.
    fn page(&self) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>splitmap compared</title>\n\
             <style>{STYLE}\n{}</style></head>\n<body>\n<h1>splitmap compared</h1>\n",
            plot::DARK_STYLE
        );
        let machine = self.machine;
        let options = if machine.options.is_empty() {
            "none"
        } else {
            &machine.options
        };
        if self.trial {
            page += "<p><strong>A trial (--test): no figure here is worth anything.</strong></p>\n";
        }
        let _ = writeln!(
            page,
            "<p class=\"pale\">{}<br>{}; repository at {}; {}<br>Options: {}</p>",
            escaped(&machine.line()),
            machine.architecture,
            escaped(&machine.commit),
            escaped(&machine.versions.join(", ")),
            escaped(options)
        );
        if let Some(warning) = machine.warning() {
            let _ = writeln!(
                page,
                "<p class=\"loss\"><strong>{}</strong></p>",
                escaped(&warning)
            );
        }
        self.contents(&mut page);
        self.standings(&mut page);
        let _ = writeln!(
            page,
            "<p>{}</p>\n<p>{}</p>",
            escaped(METHOD),
            escaped(&caution(machine.cores))
        );
        let mut workload = "";
        for table in self.tables {
            if table.workload != workload {
                workload = table.workload;
                let _ = writeln!(page, "<h2 id=\"{workload}\">{}</h2>", heading(workload));
                let _ = writeln!(page, "<p class=\"pale\">{}</p>", escaped(&table.about));
                if let Some(heat) =
                    plot::heat_map(&crossings(self.tables)).filter(|_| workload == "crossings")
                {
                    let _ = writeln!(page, "<figure>{}</figure>", embedded(&heat));
                }
            }
            html_table(&mut page, table);
        }
        page + "</body>\n</html>\n"
    }

    fn contents(&self, page: &mut String) {
        let mut names: Vec<_> = self.tables.iter().map(|table| table.workload).collect();
        names.dedup();
        let links = names
            .iter()
            .map(|name| format!("<a href=\"#{name}\">{}</a>", heading(name)));
        let _ = writeln!(page, "<nav>{}</nav>", links.collect::<Vec<_>>().join("\n"));
    }

    /// Wins, ties and losses.
    fn standings(&self, page: &mut String) {
        *page += "<h2>When to take it, and when not</h2>\n<p class=\"pale\">splitmap against the best other map \
                  that threads can share, greatest win first, greatest loss last.</p>\n<div class=\"scroll\"><table>\
                  <tr><th>splitmap is</th><th class=\"words\">at</th><th>splitmap</th><th>the best other</th></tr>\n";
        for standing in standings(self.tables) {
            let class = match standing.outcome {
                Outcome::Win(_) => "win",
                Outcome::Tie => "tie",
                Outcome::Loss(_) => "loss",
            };
            let _ = writeln!(
                page,
                "<tr><td class=\"{class}\">{}</td><td class=\"words\">{}</td><td>{}</td><td>{}</td></tr>",
                standing.outcome.words(),
                escaped(&standing.what),
                standing.ours,
                standing.best
            );
        }
        *page += "</table></div>\n";
    }
}

/// The tables of which the heat map is made.
pub fn crossings(tables: &[Table]) -> Vec<&Table> {
    tables
        .iter()
        .filter(|table| table.plot == Plot::Heat)
        .collect()
}

/// What a workload is called.
pub fn heading(workload: &str) -> &'static str {
    match workload {
        "reads" => "Only reads",
        "mixes" => "Reads and writes",
        "crossings" => "Where the curves cross",
        "keys" => "Other keys and values",
        "hashers" => "Default hashers",
        "latency" => "Latency of a read",
        "growth" => "Growing",
        "operations" => "Each operation",
        "memory" => "Memory",
        "many" => "Many small maps",
        _ => "A cache's trace",
    }
}

fn html_table(page: &mut String, table: &Table) {
    let _ = writeln!(page, "<h3>{}</h3>", escaped(&table.title));
    if let Some(picture) = plot::picture(table) {
        let _ = writeln!(page, "<figure>{}</figure>", embedded(&picture));
    }
    let _ = write!(
        page,
        "<div class=\"scroll\"><table><tr><th>{}</th>",
        escaped(table.unit)
    );
    for column in &table.columns {
        let _ = write!(page, "<th>{}</th>", escaped(column));
    }
    *page += "<th></th></tr>\n";
    for row in &table.rows {
        let class = if row.map == OURS {
            " class=\"ours\""
        } else {
            ""
        };
        let _ = write!(page, "<tr{class}><td>{}</td>", row.map);
        for figure in &row.figures {
            let cell = figure.as_ref().map_or("–".to_string(), |figure| {
                let half = (figure.high - figure.low) / 2.0 / figure.median * 100.0;
                let spread = if figure.rounds.len() > 1 {
                    format!(" <small>±{half:.0} %</small>")
                } else {
                    String::new()
                };
                significant(figure.median) + &spread
            });
            let _ = write!(page, "<td>{cell}</td>");
        }
        let _ = writeln!(page, "<td>{}</td></tr>", table.verdict(row));
    }
    *page += "</table></div>\n";
}

/// A picture inside a page, whose style sheet it shares.
fn embedded(svg: &str) -> String {
    match (svg.find("<style>"), svg.find("</style>")) {
        (Some(from), Some(to)) => format!("{}{}", &svg[..from], &svg[to + "</style>".len()..]),
        _ => svg.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('`', "")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
