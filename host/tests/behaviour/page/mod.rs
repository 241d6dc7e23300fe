//! The status page with its script, in a real browser; and what the script asks the server for.

mod actions;
mod appearance;
mod logs;
mod panels;
mod requests;
mod stream;

use crate::common::{Browser, Supervisord};

/// Opens the page, and waits until it is alive. None where there is no browser.
#[track_caller]
fn open(supervisord: &Supervisord) -> Option<Browser> {
    let browser = Browser::at(supervisord.port, "/")?;
    browser.wait("document.body.classList.contains('live')");
    // A page that is loaded anew has forgotten this.
    browser.eval("window.isTheSame = true");
    Some(browser)
}

/// Expression: the row of a process.
fn row(namespec: &str) -> String {
    format!("document.querySelector('tr[data-namespec=\"{namespec}\"]')")
}

/// Expression: the text of the state of a process.
fn state(namespec: &str) -> String {
    format!("{}?.querySelector('.state').textContent", row(namespec))
}

/// Selector of a button of a row.
fn button(label: &str, of: &str) -> String {
    format!("button[aria-label=\"{label} {of}\"]")
}

/// Asserts that the page was never loaded anew, and that nothing it did was forbidden or failed.
#[track_caller]
fn assert_the_same(browser: &Browser) {
    assert_eq!(browser.eval("window.isTheSame"), true, "the page was loaded anew");
    assert_eq!(browser.complaints(), [""; 0]);
}
