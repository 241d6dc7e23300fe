//! Descriptors and memory of supervisord over the time, and the line that fits them best.

use std::{fs, time::Instant};

use super::{common::Supervisord, run::float};

/// Samples of a run.
#[derive(Debug, Default)]
pub struct Samples {
    begin: Option<Instant>,
    /// Hours since the first one, descriptors, and resident megabytes.
    all: Vec<(f64, f64, f64)>,
}

/// Growth of one figure by the line that fits it best.
#[derive(Debug)]
pub struct Slope {
    /// Value of the line at the first sample.
    pub first: f64,
    pub in_an_hour: f64,
    pub in_this_run: f64,
}

/// Growth of both.
#[derive(Debug)]
pub struct Growth {
    pub descriptors: Slope,
    pub megabytes: Slope,
}

impl Samples {
    pub fn take(&mut self, supervisord: &Supervisord) {
        let begin = *self.begin.get_or_insert_with(Instant::now);
        let hours = begin.elapsed().as_secs_f64() / 3600.0;
        let megabytes = float(supervisord.resident() / 1024) / 1024.0;
        self.all.push((hours, float(descriptors(supervisord) as u64), megabytes));
    }

    pub fn growth(&self) -> Growth {
        let line = |value: fn(&(f64, f64, f64)) -> f64| {
            let points: Vec<_> = self.all.iter().map(|sample| (sample.0, value(sample))).collect();
            slope(&points)
        };
        Growth { descriptors: line(|sample| sample.1), megabytes: line(|sample| sample.2) }
    }
}

/// Number of open files of supervisord.
pub fn descriptors(supervisord: &Supervisord) -> usize {
    fs::read_dir(format!("/proc/{}/fd", supervisord.pid())).map_or(0, Iterator::count)
}

/// Fit a line by least squares.
fn slope(points: &[(f64, f64)]) -> Slope {
    let count = float(points.len() as u64).max(1.0);
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let in_an_hour = if variance > 0.0 { covariance / variance } else { 0.0 };
    let hours = points.last().map_or(0.0, |point| point.0);
    Slope { first: y - in_an_hour * x, in_an_hour, in_this_run: in_an_hour * hours }
}
