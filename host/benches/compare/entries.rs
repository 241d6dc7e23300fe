//! What many small entries in the cache take of memory.

use std::fmt::Write as _;

use super::{
    address,
    common::{Config, Supervisord},
    load::{self, Connection},
    table::{Limit, Row},
};

const COUNT: u32 = 500_000;
/// How many are stored with one request.
const AT_ONCE: u32 = 500;

/// Resident memory for each of half a million keys of 7 characters with values of 5.
pub fn small() -> Row {
    eprintln!("{COUNT} small entries …");
    let ours = Supervisord::start(&Config::new());
    let before = ours.resident();
    store(&ours, 0..COUNT);
    let taken = u32::try_from(ours.resident().saturating_sub(before)).unwrap_or(u32::MAX);
    let each = f64::from(taken) / f64::from(COUNT);
    Row::new("500,000 small entries in the cache, bytes for each").other("ours", each).own(
        "bytes",
        each,
        Limit::Below(160.0),
    )
}

/// Store the entries of these numbers; both are multiples of what one request stores.
pub fn store(supervisord: &Supervisord, numbers: std::ops::Range<u32>) {
    let mut connection = Connection::open(address(supervisord));
    for first in numbers.step_by(AT_ONCE as usize) {
        let answer = connection.call(&load::request(&stores(first..first + AT_ONCE)));
        assert_eq!(answer.matches("<boolean>1</boolean>").count(), AT_ONCE as usize);
    }
}

/// A `system.multicall` that stores these.
fn stores(numbers: std::ops::Range<u32>) -> String {
    let mut calls = String::new();
    for number in numbers {
        let _ = write!(
            calls,
            "<value><struct><member><name>methodName</name><value><string>cache.store</string></value></member>\
             <member><name>params</name><value><array><data><value><string>k{number:06}</string></value>\
             <value><string>value</string></value></data></array></value></member></struct></value>"
        );
    }
    format!(
        "<?xml version='1.0'?><methodCall><methodName>system.multicall</methodName><params><param><value><array><data>\
         {calls}</data></array></value></param></params></methodCall>"
    )
}
