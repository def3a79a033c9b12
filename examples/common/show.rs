//! What the smaller examples share: arguments that are numbers, and the printing of a report.

use std::io::{self, ErrorKind, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;

/// A parser of the whole numbers in a range.
pub fn whole(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("not a whole number from {least} to {most}"))
    }
}

/// A number with a comma between thousands.
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints a report: success, also where the reader has closed the pipe. A wrong call gives status
/// 2, as with wrong options; a wrong answer, status 1.
pub fn end(outcome: Result<Report, String>) -> ExitCode {
    let report = match outcome {
        Ok(report) => report,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = io::stdout().write_all(report.text.as_bytes())
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("error: cannot write the report: {error}");
        return ExitCode::FAILURE;
    }
    match report.fault {
        Some(fault) => {
            eprintln!("error: {fault}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// What an example prints, and what was wrong with the answers, if anything was.
pub struct Report {
    pub text: String,
    pub fault: Option<String>,
}
