//! Figures, their ratios, and whether the limits are reached.

use std::fmt;

/// How much is enough.
#[derive(Clone, Copy)]
pub enum Limit {
    AtLeast(f64),
    Below(f64),
}

impl Limit {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::Below(limit) => value < limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

/// One comparison.
pub struct Row {
    name: String,
    figures: Vec<(&'static str, f64)>,
    judged: Vec<(String, f64, Limit)>,
}

impl Row {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), figures: Vec::new(), judged: Vec::new() }
    }

    /// Times in milliseconds, ours and the real one's, measured anew in each round; fewer are better.
    pub fn times(name: &'static str, mut round: impl FnMut() -> (f64, f64), limit: Limit) -> Self {
        let (ours, real): (Vec<_>, Vec<_>) = (0..super::ROUNDS).map(|_| round()).unzip();
        Self::new(name).figures(median(&ours), median(&real)).ratio("times faster", &real, &ours, limit)
    }

    /// Bytes, shown and judged in MB.
    pub fn memory(name: &'static str, ours: u64, real: u64, limit: Limit) -> Self {
        let megabytes = |bytes| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
        Self::new(name).figures(megabytes(ours), megabytes(real)).own("MB", megabytes(ours), limit)
    }

    #[must_use]
    pub fn figures(self, ours: f64, real: f64) -> Self {
        self.other("ours", ours).other("Supervisor", real)
    }

    #[must_use]
    pub fn other(mut self, name: &'static str, figure: f64) -> Self {
        self.figures.push((name, figure));
        self
    }

    /// Judges the median of the rounds' ratios.
    #[must_use]
    pub fn ratio(mut self, name: &str, above: &[f64], below: &[f64], limit: Limit) -> Self {
        let ratios: Vec<_> = above.iter().zip(below).map(|(above, below)| above / below).collect();
        self.judged.push((name.into(), median(&ratios), limit));
        self
    }

    /// Judges a figure of ours by itself.
    #[must_use]
    pub fn own(mut self, unit: &str, figure: f64, limit: Limit) -> Self {
        self.judged.push((unit.into(), figure, limit));
        self
    }
}

/// The middle one, or the mean of the two middle ones.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], sorted[middle]) } else { sorted[middle] }
}

/// Prints the rows, and after them how many limits are reached.
pub fn print(rows: &[Row]) {
    let mut reached = [0, 0];
    println!();
    for row in rows {
        println!("{}", row.name);
        let figures: Vec<_> = row.figures.iter().map(|(name, figure)| format!("{name} {}", Figure(*figure))).collect();
        println!("    {}", figures.join(" · "));
        for (name, value, limit) in &row.judged {
            let is_reached = limit.reached(*value);
            reached[usize::from(is_reached)] += 1;
            let verdict = if is_reached { "reached" } else { "not reached" };
            println!("    {:>10} {name:<18} limit {:<8} {verdict}", Figure(*value).to_string(), limit.to_string());
        }
    }
    println!("\n{} of {} limits reached", reached[1], reached[0] + reached[1]);
}

/// Three digits that count.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            100.0.. => 0,
            10.0.. => 1,
            _ => 2,
        };
        write!(f, "{:.digits$}", self.0)
    }
}
