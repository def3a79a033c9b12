//! Medians, spreads and ties of a few rounds.

/// The figures of all rounds in short: the median, and the middle half around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub median: f64,
    /// A quarter of the rounds lie below.
    pub low: f64,
    /// A quarter of the rounds lie above.
    pub high: f64,
}

impl Summary {
    /// Summarises the rounds. `None` if there are none, or if one of them is not a finite number.
    pub fn of(rounds: &[f64]) -> Option<Self> {
        if rounds.is_empty() || !rounds.iter().all(|figure| figure.is_finite()) {
            return None;
        }
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5),
            low: quantile(&sorted, 0.25),
            high: quantile(&sorted, 0.75),
        })
    }

    /// Whether the spreads overlap: then the rounds do not say which of the two is better.
    pub fn ties(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// The quantile of sorted figures, between two neighbours by their distance.
fn quantile(sorted: &[f64], point: f64) -> f64 {
    let position = point * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_rounds_is_the_middle_one() {
        let summary = Summary::of(&[9.0, 1.0, 5.0]).unwrap();
        assert_eq!(summary.median, 5.0);
        assert_eq!((summary.low, summary.high), (3.0, 7.0));
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_middle_two() {
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
    }

    #[test]
    fn one_round_has_no_spread() {
        let only = Summary::of(&[7.0]).unwrap();
        assert_eq!((only.low, only.median, only.high), (7.0, 7.0, 7.0));
    }

    #[test]
    fn one_wild_round_of_five_moves_neither_median_nor_spread() {
        let calm = Summary::of(&[10.0, 11.0, 12.0, 13.0, 14.0]);
        let wild = Summary::of(&[10.0, 11.0, 12.0, 13.0, 1e9]);
        assert_eq!(calm, wild);
    }

    #[test]
    fn there_is_no_summary_of_nothing_or_of_what_is_no_number() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
        assert_eq!(Summary::of(&[f64::INFINITY]), None);
    }

    #[test]
    fn spreads_that_overlap_tie_and_others_do_not() {
        let summary = |low, high| Summary {
            median: (low + high) / 2.0,
            low,
            high,
        };
        let (slow, middle, fast) = (summary(1.0, 3.0), summary(2.0, 5.0), summary(4.0, 6.0));
        assert!(slow.ties(&middle) && middle.ties(&slow));
        assert!(middle.ties(&fast) && fast.ties(&middle));
        assert!(!slow.ties(&fast) && !fast.ties(&slow));
        assert!(summary(1.0, 9.0).ties(&middle) && middle.ties(&summary(1.0, 9.0)));
        assert!(slow.ties(&summary(3.0, 4.0)));
    }
}
