//! Pictures as SVG, which light and dark pages show alike: the dark colours come by a style sheet.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::{Better, OURS, Plot, Row, Table, significant};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFE);
const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
const PALE_INK: RGBColor = RGBColor(0x59, 0x63, 0x6E);
const GRID: RGBColor = RGBColor(0xD8, 0xDE, 0xE4);
const BAR: RGBColor = RGBColor(0x9A, 0xA4, 0xAE);
const OUR_COLOUR: RGBColor = RGBColor(0x1A, 0x7F, 0xE8);

/// The four that change on a dark page. An attribute counts less than a rule of a style sheet.
pub const DARK_STYLE: &str = "@media (prefers-color-scheme: dark) {\n\
    svg [fill=\"#FFFFFE\"] { fill: #0d1117 } svg [fill=\"#1F2328\"] { fill: #e6edf3 }\n\
    svg [fill=\"#59636E\"] { fill: #9aa4ae } svg [stroke=\"#1F2328\"] { stroke: #e6edf3 }\n\
    svg [stroke=\"#D8DEE4\"] { stroke: #30363d } svg [fill=\"#9AA4AE\"] { fill: #6e7781 }\n}";

/// Colours that are seen on white and on black.
const COLOURS: [(&str, RGBColor); 13] = [
    ("dashmap", RGBColor(0xE3, 0x6C, 0x0A)),
    ("dashmap-7", RGBColor(0xC2, 0x95, 0x2B)),
    ("papaya", RGBColor(0x2D, 0xA4, 0x4E)),
    ("scc-map", RGBColor(0xBF, 0x5A, 0xC8)),
    ("scc-index", RGBColor(0x8A, 0x63, 0xE0)),
    ("flurry", RGBColor(0x3A, 0xA6, 0xA0)),
    ("kovan-map", RGBColor(0xD8, 0x4B, 0x7C)),
    ("RwLock", RGBColor(0xCF, 0x3B, 0x38)),
    ("parking_lot", RGBColor(0xA4, 0x5A, 0x4A)),
    ("arc-swap", RGBColor(0x6C, 0x8C, 0x2E)),
    ("evmap", RGBColor(0x5B, 0x7D, 0xB1)),
    ("actor", RGBColor(0x8C, 0x8C, 0x8C)),
    ("std-alone", RGBColor(0x76, 0x7E, 0x87)),
];

fn colour(map: &str) -> RGBColor {
    let found = COLOURS.iter().find(|(name, _)| *name == map);
    found.map_or(OUR_COLOUR, |(_, colour)| *colour)
}

/// The picture of a table, if it has one.
pub fn picture(table: &Table) -> Option<String> {
    match table.plot {
        Plot::Lines if table.columns.len() > 1 => {
            Some(drawn((900, 420), |area| lines(area, table)))
        }
        Plot::Lines | Plot::Bars => {
            let height = 90 + 26 * table.rows.len() as u32;
            Some(drawn((900, height), |area| bars(area, table)))
        }
        Plot::Heat | Plot::None => None,
    }
}

/// One picture of all crossings: who wins at which share of writes.
pub fn heat_map(tables: &[&Table]) -> Option<String> {
    let first = tables.first()?;
    let height = 130 + 40 * tables.len() as u32;
    let width = 250 + 88 * first.columns.len() as u32;
    Some(drawn((width, height), |area| heat(area, tables)))
}

fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let paper = Rectangle::new([(0, 0), (size.0 as i32, size.1 as i32)], PAPER.filled());
        let whole = area
            .draw(&paper)
            .map_err(Into::into)
            .and_then(|()| draw(&area));
        whole
            .and_then(|()| Ok(area.present()?))
            .expect("nothing fails in memory");
    }
    // It scales with the page.
    let (width, height) = size;
    let fixed = format!("<svg width=\"{width}\" height=\"{height}\"");
    let style = format!("<style>{DARK_STYLE}</style>");
    let scaled =
        format!("<svg style=\"max-width: {width}px; width: 100%; height: auto\" role=\"img\"");
    let svg = svg.replacen(&fixed, &scaled, 1);
    match svg.split_once(">\n") {
        Some((tag, rest)) => format!("{tag}>\n{style}\n{rest}"),
        None => svg,
    }
}

fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour)
}

fn left(size: u32, colour: RGBColor) -> TextStyle<'static> {
    text(size, colour).pos(Pos::new(HPos::Left, VPos::Center))
}

fn right(size: u32, colour: RGBColor) -> TextStyle<'static> {
    text(size, colour).pos(Pos::new(HPos::Right, VPos::Center))
}

fn middle(size: u32, colour: RGBColor) -> TextStyle<'static> {
    text(size, colour).pos(Pos::new(HPos::Center, VPos::Center))
}

/// Title and unit, at the upper left.
fn headline(area: &Area<'_>, title: &str, unit: &str) -> Drawn {
    area.draw(&Text::new(title.to_string(), (16, 22), left(17, INK)))?;
    area.draw(&Text::new(unit.to_string(), (16, 44), left(13, PALE_INK)))?;
    Ok(())
}

fn unit(table: &Table) -> String {
    match table.better {
        Better::Higher => format!("{}; higher is better", table.unit),
        Better::Lower => format!("{}; lower is better", table.unit),
    }
}

/// A line for each map over the numbers of threads, and who is who beside it.
fn lines(area: &Area<'_>, table: &Table) -> Drawn {
    headline(area, &table.title, &unit(table))?;
    let medians = |row: &Row| -> Vec<(f64, f64)> {
        let figures = row.figures.iter().enumerate();
        figures
            .filter_map(|(x, figure)| Some((x as f64, figure.as_ref()?.median)))
            .collect()
    };
    let points = shared(table).flat_map(medians);
    let top = points.map(|(_, y)| y).fold(0.0, f64::max).max(1e-3) * 1.06;
    let last = table.columns.len() - 1;

    let (width, _) = area.dim_in_pixel();
    let (plot, legend) = area.margin(56, 8, 8, 8).split_horizontally(width - 230);
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(30)
        .y_label_area_size(52)
        .margin_right(14)
        .build_cartesian_2d(-0.06..last as f64 + 0.06, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(PALE_INK)
        .x_labels(table.columns.len())
        .y_labels(6)
        .x_label_formatter(&|x| {
            let near = (x - x.round()).abs() < 0.01 && *x > -0.01;
            let column = near
                .then(|| table.columns.get(x.round() as usize))
                .flatten();
            column.cloned().unwrap_or_default()
        })
        .y_label_formatter(&|y| format!("{y:.0}"))
        .label_style(text(13, PALE_INK))
        .draw()?;
    // The best is drawn last, ours above all.
    let ours = table.ours();
    let others = shared(table).rev().filter(|row| row.map != OURS);
    for row in others.chain(ours) {
        let wide = if row.map == OURS { 4 } else { 2 };
        let style = colour(row.map).stroke_width(wide);
        chart.draw_series(LineSeries::new(medians(row), style))?;
        let dots = medians(row).into_iter();
        chart.draw_series(
            dots.map(|point| Circle::new(point, wide + 1, colour(row.map).filled())),
        )?;
    }
    key(&legend, table)
}

/// The rows without the limit: a map that cannot be shared would flatten all others.
fn shared(table: &Table) -> impl DoubleEndedIterator<Item = &Row> {
    table.rows.iter().filter(|row| row.map != "std-alone")
}

/// Who is who, best first.
fn key(legend: &Area<'_>, table: &Table) -> Drawn {
    let mut y = 8;
    legend.draw(&Text::new(
        table.columns[table.rank].clone(),
        (200, y),
        right(12, PALE_INK),
    ))?;
    for row in shared(table) {
        y += 22;
        let (ink, size) = if row.map == OURS {
            (INK, 14)
        } else {
            (PALE_INK, 13)
        };
        let swatch = Rectangle::new([(14, y - 3), (34, y + 2)], colour(row.map).filled());
        legend.draw(&swatch)?;
        legend.draw(&Text::new(row.map, (42, y), left(size, ink)))?;
        if let Some(figure) = &row.figures[table.rank] {
            legend.draw(&Text::new(
                significant(figure.median),
                (200, y),
                right(size, ink),
            ))?;
        }
    }
    Ok(())
}

/// A bar for each map, with its spread, best first.
fn bars(area: &Area<'_>, table: &Table) -> Drawn {
    let column = &table.columns[table.rank];
    let rows = table
        .rows
        .iter()
        .filter_map(|row| Some((row, row.figures[table.rank].as_ref()?)));
    let rows: Vec<_> = rows.collect();
    let most = rows
        .iter()
        .map(|(_, figure)| figure.high)
        .fold(0.0, f64::max);
    let least = rows
        .iter()
        .map(|(_, figure)| figure.median)
        .fold(f64::INFINITY, f64::min);
    let logarithmic = least > 0.0 && most / least > 40.0;
    let scale = if logarithmic {
        ", logarithmic scale"
    } else {
        ""
    };
    headline(
        area,
        &format!("{}: {column}", table.title),
        &format!("{}{scale}", unit(table)),
    )?;
    let (from, length) = (130, 620.0);
    let floor = least / 2.0;
    let width = |figure: f64| match logarithmic {
        true => ((figure.max(floor) / floor).ln() / (most / floor).ln() * length) as i32,
        false => (figure / most.max(f64::MIN_POSITIVE) * length) as i32,
    };
    for (index, (row, figure)) in rows.iter().enumerate() {
        let y = 78 + 26 * index as i32;
        let (bar, ink) = if row.map == OURS {
            (OUR_COLOUR, INK)
        } else {
            (BAR, PALE_INK)
        };
        area.draw(&Text::new(row.map, (from - 10, y), right(14, ink)))?;
        let end = from + width(figure.median);
        area.draw(&Rectangle::new([(from, y - 8), (end, y + 8)], bar.filled()))?;
        if figure.high > figure.low {
            let whisker = vec![
                (from + width(figure.low), y),
                (from + width(figure.high), y),
            ];
            area.draw(&PathElement::new(whisker, INK.stroke_width(1)))?;
        }
        let words = format!("{} · {}", significant(figure.median), table.verdict(row));
        let after = end.max(from + width(figure.high)) + 8;
        area.draw(&Text::new(
            words,
            (after.min(from + length as i32 + 8), y),
            left(13, ink),
        ))?;
    }
    Ok(())
}

/// Blue where ours is the fastest, orange where another one is; the number says by how much.
fn heat(area: &Area<'_>, tables: &[&Table]) -> Drawn {
    headline(
        area,
        "Which map is the fastest, by share of writes",
        "blue: splitmap, and how many times as fast as the next; orange: another, and how many times as fast as splitmap",
    )?;
    let (from, wide, high) = (240, 88, 40);
    for (column, share) in tables[0].columns.iter().enumerate() {
        let x = from + wide * column as i32 + wide / 2;
        area.draw(&Text::new(
            format!("{share} writes"),
            (x, 74),
            middle(12, PALE_INK),
        ))?;
    }
    for (line, table) in tables.iter().enumerate() {
        let y = 90 + high * line as i32;
        let label = table.title.trim_start_matches("By share of writes: ");
        area.draw(&Text::new(
            label.to_string(),
            (from - 12, y + high / 2),
            right(13, INK),
        ))?;
        for column in 0..table.columns.len() {
            let Some((name, times, tie)) = winner(table, column) else {
                continue;
            };
            let x = from + wide * column as i32;
            let strength = (times.log2() / 2.0).clamp(0.0, 1.0);
            let fill = match (tie, name == OURS) {
                (true, _) => RGBColor(0xD9, 0xD9, 0xD2),
                (_, true) => between((0xC9, 0xE2, 0xFC), (0x4B, 0x9C, 0xF0), strength),
                (_, false) => between((0xFB, 0xE0, 0xC4), (0xEE, 0x8A, 0x3C), strength),
            };
            let cell = [(x + 1, y + 1), (x + wide - 1, y + high - 1)];
            area.draw(&Rectangle::new(cell, fill.filled()))?;
            // Always dark: the cells are light on any page.
            let ink = RGBColor(0x10, 0x14, 0x18);
            let (above, below) = match tie {
                true => ("a tie".to_string(), format!("with {name}")),
                false => (name.to_string(), format!("{} x", significant(times))),
            };
            area.draw(&Text::new(above, (x + wide / 2, y + 13), middle(12, ink)))?;
            area.draw(&Text::new(below, (x + wide / 2, y + 28), middle(12, ink)))?;
        }
    }
    Ok(())
}

/// The fastest map of a column that threads can share, how many times as fast as ours or, if it is
/// ours, as the next, and whether the two tie.
pub fn winner(table: &Table, column: usize) -> Option<(&'static str, f64, bool)> {
    let ours = table.ours()?.figures[column].as_ref()?;
    let others = table
        .rows
        .iter()
        .filter(|row| row.map != OURS && row.map != "std-alone");
    let (next, figure) = others
        .filter_map(|row| Some((row.map, row.figures[column].as_ref()?)))
        .max_by(|a, b| a.1.median.total_cmp(&b.1.median))?;
    let tie = figure.ties(ours);
    let times = ours.median / figure.median;
    Some(match times {
        1.0.. if !tie => (OURS, times, tie),
        _ => (next, times.recip().max(1.0), tie),
    })
}

fn between(from: (u8, u8, u8), to: (u8, u8, u8), share: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share) as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
