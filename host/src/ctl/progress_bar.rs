//! Progress bar for long work, on a terminal.

/// Control sequence that goes to the start of the line and empties it.
const ERASE: &str = "\r\x1b[K";

/// Greatest width of a bar, in columns; a wider one says no more.
const WIDEST: usize = 40;

/// Progress bar in one line of a terminal. It returns what to write, and writes nothing.
#[derive(Debug)]
pub(super) struct ProgressBar {
    /// Width of the terminal.
    columns: usize,
    /// Text that stands on the line now; empty where there is no bar.
    drawn: String,
}

impl ProgressBar {
    /// Progress bar for a terminal of so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, drawn: String::new() }
    }

    /// Text that shows `done` of `total`; `None` where that looks as it does now.
    pub(super) fn draw(&mut self, what: &str, done: i64, total: i64) -> Option<String> {
        let line = bar_text(what, done, total, self.columns);
        if line == self.drawn {
            return None;
        }
        let text = format!("{ERASE}{line}");
        self.drawn = line;
        Some(text)
    }

    /// Text that takes the bar away; empty where there is none.
    pub(super) fn erase(&mut self) -> &'static str {
        if std::mem::take(&mut self.drawn).is_empty() { "" } else { ERASE }
    }
}

/// Text `copying [####      ]  40%`, no longer than the line; `copying 12` where the total is not known.
fn bar_text(what: &str, done: i64, total: i64, columns: usize) -> String {
    // A control character would move the cursor; and in the last column some terminals begin a new line.
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(columns.saturating_sub(1)).collect();
    if total <= 0 {
        return plain(format!("{what} {done}"));
    }
    let done = done.clamp(0, total);
    let percent = i128::from(done) * 100 / i128::from(total);
    let around = what.chars().count() + " [] 100%".len();
    let width = columns.saturating_sub(1 + around).min(WIDEST);
    let filled = usize::try_from(percent).unwrap_or(0) * width / 100;
    plain(format!("{what} [{}{}] {percent:>3}%", "#".repeat(filled), " ".repeat(width - filled)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_its_line() {
        let table = [
            (("copy", 0, 10, 80), "copy [                                        ]   0%"),
            (("copy", 5, 10, 80), "copy [####################                    ]  50%"),
            (("copy", 10, 10, 80), "copy [########################################] 100%"),
            (("copy", 11, 10, 30), "copy [#################] 100%"),
            (("copy", -1, 10, 20), "copy [       ]   0%"),
            (("copy\n", 1, 0, 80), "copy 1"),
            (("a name that is long", 1, 2, 12), "a name that"),
            (("all", i64::MAX, i64::MAX, 20), "all [########] 100%"),
        ];
        for ((what, done, total, columns), expected) in table {
            let line = bar_text(what, done, total, columns);
            assert_eq!(line, expected);
            assert!(line.len() < columns);
        }
    }

    #[test]
    fn it_is_drawn_when_it_changes() {
        let mut bar = ProgressBar::new(20);
        assert_eq!(bar.erase(), "");
        assert_eq!(bar.draw("x", 1, 1000).as_deref(), Some("\r\x1b[Kx [          ]   0%"));
        assert_eq!(bar.draw("x", 2, 1000), None);
        assert_eq!(bar.draw("x", 500, 1000).as_deref(), Some("\r\x1b[Kx [#####     ]  50%"));
        assert_eq!(bar.erase(), ERASE);
        assert_eq!(bar.erase(), "");
        assert!(bar.draw("x", 500, 1000).is_some());
    }
}
