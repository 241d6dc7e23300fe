//! Colours of a terminal.

/// Colour of a text, by its number among those of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
}

impl Colour {
    /// Colour for the state of a process: green where it runs as it should, red where it should and does not.
    pub(super) fn of_state(state: &str) -> Option<Self> {
        match state {
            "RUNNING" => Some(Self::Green),
            "STARTING" | "STOPPING" => Some(Self::Yellow),
            "BACKOFF" | "FATAL" | "UNKNOWN" => Some(Self::Red),
            _ => None,
        }
    }

    /// Colour for one of several things that stand beside each other.
    pub(super) fn of_index(index: usize) -> Self {
        [Self::Cyan, Self::Yellow, Self::Green, Self::Magenta, Self::Blue][index % 5]
    }

    /// Text in this colour.
    pub(super) fn paint(self, text: &str) -> String {
        format!("\x1b[{}m{text}\x1b[0m", self as u8)
    }
}
