//! The command line as Python's `getopt` reads it, on which Supervisor's options rest: reading stops at the first word
//! that is no option, and a long option may be shortened as long as it stays unique.

use std::collections::BTreeSet;

use super::repr::repr;

/// An option that a program knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Letter: `Some('c')` for `-c`.
    pub short: Option<char>,
    /// Long name: `Some("configuration")` for `--configuration`.
    pub long: Option<&'static str>,
    /// True where a value follows.
    pub takes_value: bool,
}

/// An option that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Index of the option in the list of known ones.
    pub index: usize,
    /// Full spelling for messages: `-c` or `--configuration`.
    pub spelling: String,
    /// Value, empty for an option that takes none.
    pub value: String,
}

/// Read the options at the start of `args`, and return them with the words that follow them.
///
/// The error is Python's own text, such as `option --s not a unique prefix`.
pub fn getopt<'a>(args: &'a [String], known: &[Known]) -> Result<(Vec<Given>, &'a [String]), String> {
    let mut given = Vec::new();
    let mut rest = args;
    while let Some((first, after)) = rest.split_first() {
        if first == "--" {
            rest = after;
            break;
        }
        if let Some(long) = first.strip_prefix("--") {
            rest = read_long(long, after, known, &mut given)?;
        } else if let Some(short) = first.strip_prefix('-').filter(|short| !short.is_empty()) {
            rest = read_short(short, after, known, &mut given)?;
        } else {
            break;
        }
    }
    Ok((given, rest))
}

/// Refuse an option that is given twice under one key; Supervisor takes each of its options once.
pub fn refuse_repeats(given: &[Given], single: impl Fn(usize) -> bool) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for option in given.iter().filter(|option| single(option.index)) {
        if !seen.insert(option.index) {
            return Err(conflict(&option.spelling));
        }
    }
    Ok(())
}

/// Make the message about an option that is given twice.
pub fn conflict(spelling: &str) -> String {
    format!("conflicting command line option {}", repr(spelling))
}

fn read_long<'a>(
    text: &str,
    mut rest: &'a [String],
    known: &[Known],
    given: &mut Vec<Given>,
) -> Result<&'a [String], String> {
    let (name, attached) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let index = find_long(name, known)?;
    let option = known[index];
    let full = option.long.expect("found by its long name");
    let value = match (option.takes_value, attached) {
        (true, Some(value)) => value,
        (true, None) => {
            let (value, after) = rest.split_first().ok_or_else(|| format!("option --{full} requires argument"))?;
            rest = after;
            value.clone()
        }
        (false, None) => String::new(),
        (false, Some(_)) => return Err(format!("option --{full} must not have an argument")),
    };
    given.push(Given { index, spelling: format!("--{full}"), value });
    Ok(rest)
}

fn find_long(name: &str, known: &[Known]) -> Result<usize, String> {
    let fits: Vec<usize> =
        (0..known.len()).filter(|&index| known[index].long.is_some_and(|long| long.starts_with(name))).collect();
    if let Some(&exact) = fits.iter().find(|&&index| known[index].long == Some(name)) {
        return Ok(exact);
    }
    match fits.as_slice() {
        [] => Err(format!("option --{name} not recognized")),
        [only] => Ok(*only),
        _ => Err(format!("option --{name} not a unique prefix")),
    }
}

fn read_short<'a>(
    letters: &str,
    mut rest: &'a [String],
    known: &[Known],
    given: &mut Vec<Given>,
) -> Result<&'a [String], String> {
    let mut left = letters;
    while let Some(letter) = left.chars().next() {
        left = &left[letter.len_utf8()..];
        let index = known
            .iter()
            .position(|option| option.short == Some(letter))
            .ok_or_else(|| format!("option -{letter} not recognized"))?;
        let mut value = String::new();
        if known[index].takes_value {
            if left.is_empty() {
                let (next, after) = rest.split_first().ok_or_else(|| format!("option -{letter} requires argument"))?;
                rest = after;
                value.clone_from(next);
            } else {
                left.clone_into(&mut value);
                left = "";
            }
        }
        given.push(Given { index, spelling: format!("-{letter}"), value });
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 4] = [
        Known { short: Some('c'), long: Some("configuration"), takes_value: true },
        Known { short: Some('i'), long: Some("interactive"), takes_value: false },
        Known { short: Some('u'), long: Some("username"), takes_value: true },
        Known { short: None, long: Some("user"), takes_value: true },
    ];

    fn read(line: &str) -> Result<String, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (given, rest) = getopt(&args, &KNOWN)?;
        let given: Vec<String> = given.iter().map(|o| format!("{}={}", o.spelling, o.value)).collect();
        Ok(format!("{} | {}", given.join(" "), rest.join(" ")))
    }

    #[test]
    fn options_end_at_the_first_word() {
        let table = [
            ("-c a status -i", "-c=a | status -i"),
            ("-ca -i x", "-c=a -i= | x"),
            ("-ica x", "-i= -c=a | x"),
            ("--conf a --inter", "--configuration=a --interactive= | "),
            ("--conf=a=b", "--configuration=a=b | "),
            ("--user x", "--user=x | "),
            ("-i -- -c", "-i= | -c"),
            ("- -i", " | - -i"),
        ];
        for (line, expected) in table {
            assert_eq!(read(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn errors_are_pythons() {
        let table = [
            ("-x", "option -x not recognized"),
            ("-c", "option -c requires argument"),
            ("--conf", "option --configuration requires argument"),
            ("--interactive=4", "option --interactive must not have an argument"),
            ("--us x", "option --us not a unique prefix"),
            ("--nope", "option --nope not recognized"),
        ];
        for (line, expected) in table {
            assert_eq!(read(line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn an_option_is_given_once() {
        let args = ["-i".to_owned(), "--interactive".to_owned()];
        let (given, _) = getopt(&args, &KNOWN).unwrap();
        let refused = refuse_repeats(&given, |_| true);
        assert_eq!(refused.unwrap_err(), "conflicting command line option '--interactive'");
    }
}
