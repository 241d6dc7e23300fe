//! Expansion of `%(name)s` in values, by the rules of Python's `%` operator with a dictionary on its right.
//!
//! Supervisor hands each value to Python's `%`, so `%(process_num)03d` pads, `%%` is a percent sign, and a lone `100%`
//! is refused. A lone `%s` is the whole dictionary, as Python shows it: nobody wants it, but config files that have
//! one start today. Error texts are those of Python and Supervisor.

use std::{iter::Peekable, sync::Arc};

use crate::text::repr::{ascii, repr};

/// Widest field that a format may ask for; more is taken for a slip.
const MAX_WIDTH: usize = 1_000_000;

/// Most digits of a float that Rust's formatting can be asked for; it panics beyond.
const MAX_FLOAT_PRECISION: usize = u16::MAX as usize - 1;

/// Names that `%(name)s` may stand for, in the order in which they were added, as in a Python dictionary.
///
/// Cheap to clone once it is frozen: each section adds its few names to those of the environment.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    frozen: Arc<Vec<(String, Arg)>>,
    added: Vec<(String, Arg)>,
    /// Names of the place where the config stands, which Supervisor knows in some keys only. Here they are known in all
    /// of them; but in the dictionary and in messages they stand where Supervisor has them.
    everywhere: Arc<Vec<(&'static str, Arg)>>,
}

/// Value to be put into a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arg {
    /// A string.
    Text(String),
    /// An integer, such as `process_num`.
    Int(i64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl Names {
    /// Add a name, or give a known one a new value.
    pub(super) fn set(&mut self, name: impl Into<String>, value: impl Into<Arg>) {
        let name = name.into();
        let value = value.into();
        match self.added.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.added.push((name, value)),
        }
    }

    /// Copy with these names added.
    #[must_use]
    pub(super) fn with<const N: usize>(&self, names: [(&str, Arg); N]) -> Self {
        let mut more = self.clone();
        for (name, value) in names {
            more.set(name, value);
        }
        more
    }

    /// Copy with these names before all others.
    #[must_use]
    pub(super) fn after<const N: usize>(&self, names: [(&str, Arg); N]) -> Self {
        let mut all = Self { everywhere: Arc::clone(&self.everywhere), ..Self::default() };
        for (name, value) in names.into_iter().chain(self.iter().map(|(name, value)| (name, value.clone()))) {
            all.set(name, value);
        }
        all.freeze()
    }

    /// Copy for a config in the directory `here`, on the host of that name.
    #[must_use]
    pub(super) fn at(&self, here: &str, host_node_name: &str) -> Self {
        let everywhere = vec![("here", here.into()), ("host_node_name", host_node_name.into())];
        Self { everywhere: Arc::new(everywhere), ..self.clone() }
    }

    /// Make copies cheap from now on.
    #[must_use]
    pub(super) fn freeze(self) -> Self {
        Self {
            everywhere: Arc::clone(&self.everywhere),
            frozen: Arc::new(self.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()),
            added: Vec::new(),
        }
    }

    /// Give frozen names their frozen values again.
    pub(super) fn restore_frozen(&mut self) {
        self.added.retain(|(name, _)| !self.frozen.iter().any(|(frozen, _)| frozen == name));
    }

    /// Look up the value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Arg> {
        let listed = self.added.iter().chain(&*self.frozen).find(|(known, _)| known == name).map(|(_, value)| value);
        listed.or_else(|| self.everywhere.iter().find(|(known, _)| *known == name).map(|(_, value)| value))
    }

    /// Iterate over all names in order, each once.
    fn iter(&self) -> impl Iterator<Item = (&str, &Arg)> {
        let new = self.added.iter().filter(|(name, _)| !self.frozen.iter().any(|(frozen, _)| frozen == name));
        self.frozen.iter().chain(new).map(|(name, value)| (name.as_str(), self.get(name).unwrap_or(value)))
    }

    /// Show the dictionary as Python's `repr` does.
    fn repr(&self) -> String {
        let shown: Vec<String> = self.iter().map(|(name, value)| format!("{}: {}", repr(name), value.repr())).collect();
        format!("{{{}}}", shown.join(", "))
    }

    /// Expand `format`, which stands at `place` (`program:web.command`, or just the key).
    pub(super) fn expand(&self, format: &str, place: &str) -> Result<String, String> {
        if !format.contains('%') {
            return Ok(format.to_owned());
        }
        PercentFormatter::new(format, self).run().map_err(|error| match error {
            FormatError::UnknownName(name) => {
                let mut available: Vec<&str> = self.iter().map(|(name, _)| name).collect();
                available.sort_unstable();
                format!(
                    "Format string {} for {} contains names ({}) which cannot be expanded. Available names: {}",
                    repr(format),
                    repr(place),
                    repr(&name),
                    available.join(", ")
                )
            }
            FormatError::Bad(why) => {
                format!("Format string {} for {} is badly formatted: {why}", repr(format), repr(place))
            }
        })
    }
}

impl Arg {
    fn repr(&self) -> String {
        match self {
            Self::Text(text) => repr(text),
            Self::Int(number) => number.to_string(),
        }
    }
}

enum FormatError {
    UnknownName(String),
    Bad(String),
}

fn bad<T>(why: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError::Bad(why.into()))
}

/// Argument of the next conversion without a `(name)`.
enum Next<'a> {
    Dictionary,
    Named(&'a Arg),
    Nothing,
}

/// The flags, width and precision of one conversion.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are Python's five flags")]
struct Spec {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Formatter of a text with conversions such as `%(name)s`, as Python's `%` makes it of a text and a dictionary.
struct PercentFormatter<'a> {
    rest: Peekable<std::iter::Enumerate<std::str::Chars<'a>>>,
    names: &'a Names,
    next: Next<'a>,
    out: String,
}

impl<'a> PercentFormatter<'a> {
    fn new(format: &'a str, names: &'a Names) -> Self {
        Self { rest: format.chars().enumerate().peekable(), names, next: Next::Dictionary, out: String::new() }
    }

    fn run(mut self) -> Result<String, FormatError> {
        while let Some((_, c)) = self.rest.next() {
            if c == '%' {
                self.conversion()?;
            } else {
                self.out.push(c);
            }
        }
        Ok(self.out)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|&(_, c)| c)
    }

    fn conversion(&mut self) -> Result<(), FormatError> {
        if self.peek() == Some('%') {
            self.rest.next();
            self.out.push('%');
            return Ok(());
        }
        if self.peek() == Some('(') {
            self.rest.next();
            let name = self.name()?;
            match self.names.get(&name) {
                Some(value) => self.next = Next::Named(value),
                None => return Err(FormatError::UnknownName(name)),
            }
        }
        let spec = self.spec()?;
        let Some((index, conversion)) = self.rest.next() else { return bad("incomplete format") };
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Named(Arg::Text(text)) => self.convert_text(&spec, conversion, index, text),
            Next::Named(&Arg::Int(number)) => self.convert_int(&spec, conversion, index, number),
            Next::Dictionary => self.convert_dictionary(&spec, conversion, index),
            Next::Nothing => bad("not enough arguments for format string"),
        }
    }

    /// The name up to the parenthesis that closes it; others within must be balanced.
    fn name(&mut self) -> Result<String, FormatError> {
        let mut name = String::new();
        let mut open = 1;
        for (_, c) in self.rest.by_ref() {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok(name);
            }
            name.push(c);
        }
        bad("incomplete format key")
    }

    fn spec(&mut self) -> Result<Spec, FormatError> {
        let mut spec = Spec::default();
        loop {
            match self.peek() {
                Some('-') => spec.left = true,
                Some('+') => spec.plus = true,
                Some(' ') => spec.blank = true,
                Some('#') => spec.alternate = true,
                Some('0') => spec.zero = true,
                _ => break,
            }
            self.rest.next();
        }
        if let Some(width) = self.number("width")? {
            spec.width = width;
        }
        if self.peek() == Some('.') {
            self.rest.next();
            spec.precision = Some(self.number("precision")?.unwrap_or(0));
        }
        if matches!(self.peek(), Some('h' | 'l' | 'L')) {
            self.rest.next();
        }
        Ok(spec)
    }

    fn number(&mut self, what: &str) -> Result<Option<usize>, FormatError> {
        if self.peek() == Some('*') {
            // It would take its number from an argument; there is none but the dictionary.
            return match self.next {
                Next::Nothing => bad("not enough arguments for format string"),
                Next::Named(&Arg::Int(number)) => {
                    self.rest.next();
                    self.next = Next::Nothing;
                    Ok(usize::try_from(number).ok())
                }
                _ => bad("* wants int"),
            };
        }
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.rest.next();
            let value = number.unwrap_or(0usize) * 10 + digit as usize;
            if value > MAX_WIDTH {
                return bad(format!("{what} too big"));
            }
            number = Some(value);
        }
        Ok(number)
    }

    fn convert_text(&mut self, spec: &Spec, conversion: char, index: usize, text: &str) -> Result<(), FormatError> {
        match conversion {
            's' => self.put_text(spec, text),
            'r' => self.put_text(spec, &repr(text)),
            'a' => self.put_text(spec, &ascii(text)),
            'c' if text.chars().count() == 1 => self.put_text(&Spec { precision: None, ..*spec }, text),
            _ => return wrong_type(conversion, index, "str"),
        }
        Ok(())
    }

    fn convert_dictionary(&mut self, spec: &Spec, conversion: char, index: usize) -> Result<(), FormatError> {
        match conversion {
            's' | 'r' => self.put_text(spec, &self.names.repr()),
            'a' => {
                let shown: String = self.names.repr().chars().map(ascii_or_escape).collect();
                self.put_text(spec, &shown);
            }
            _ => return wrong_type(conversion, index, "dict"),
        }
        Ok(())
    }

    fn convert_int(&mut self, spec: &Spec, conversion: char, index: usize, number: i64) -> Result<(), FormatError> {
        let magnitude = number.unsigned_abs();
        let (prefix, digits) = match conversion {
            's' | 'r' | 'a' => {
                self.put_text(spec, &number.to_string());
                return Ok(());
            }
            'c' => {
                let Some(c) = u32::try_from(number).ok().and_then(char::from_u32) else {
                    return bad("%c arg not in range(0x110000)");
                };
                self.put_text(&Spec { precision: None, ..*spec }, &c.to_string());
                return Ok(());
            }
            'd' | 'i' | 'u' => ("", format!("{magnitude}")),
            'o' => ("0o", format!("{magnitude:o}")),
            'x' => ("0x", format!("{magnitude:x}")),
            'X' => ("0X", format!("{magnitude:X}")),
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' if spec.precision.is_some_and(|it| it > MAX_FLOAT_PRECISION) => {
                return bad("precision too big");
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => ("", float(spec, conversion, magnitude)),
            _ => return wrong_type(conversion, index, "int"),
        };
        let is_float = matches!(conversion, 'f' | 'F' | 'e' | 'E' | 'g' | 'G');
        let wanted = if is_float { 0 } else { spec.precision.unwrap_or(0) };
        let digits = format!("{}{digits}", "0".repeat(wanted.saturating_sub(digits.len())));
        let prefix = if spec.alternate { prefix } else { "" };
        self.put_number(spec, number < 0, prefix, &digits);
        Ok(())
    }

    fn put_text(&mut self, spec: &Spec, text: &str) {
        let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
        let fill = " ".repeat(spec.width.saturating_sub(text.chars().count()));
        if spec.left {
            self.out.push_str(&text);
            self.out.push_str(&fill);
        } else {
            self.out.push_str(&fill);
            self.out.push_str(&text);
        }
    }

    fn put_number(&mut self, spec: &Spec, negative: bool, prefix: &str, digits: &str) {
        let sign = match (negative, spec.plus, spec.blank) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        };
        let fill = spec.width.saturating_sub(sign.len() + prefix.len() + digits.len());
        let (blanks, zeros, after) = match (spec.left, spec.zero) {
            (true, _) => (0, 0, fill),
            (false, true) => (0, fill, 0),
            (false, false) => (fill, 0, 0),
        };
        for piece in [&" ".repeat(blanks), sign, prefix, &"0".repeat(zeros), digits, &" ".repeat(after)] {
            self.out.push_str(piece);
        }
    }
}

fn ascii_or_escape(c: char) -> String {
    if c.is_ascii() { c.to_string() } else { ascii(&c.to_string()).trim_matches('\'').to_owned() }
}

/// An integer as one of C's floating point formats.
fn float(spec: &Spec, conversion: char, magnitude: u64) -> String {
    let precision = spec.precision.unwrap_or(6);
    #[expect(clippy::cast_precision_loss, reason = "Python's %f makes a double of an integer, too")]
    let value = magnitude as f64;
    let exponent = |precision: usize| {
        let shown = format!("{value:.precision$e}");
        let (mantissa, exponent) = shown.split_once('e').expect("Rust's exponent form has an e");
        format!("{mantissa}e+{exponent:0>2}")
    };
    let shown = match conversion.to_ascii_lowercase() {
        'f' => format!("{value:.precision$}"),
        'e' => exponent(precision),
        _ => {
            let precision = precision.max(1);
            let digits = magnitude.checked_ilog10().map_or(1, |log| log as usize + 1);
            let shown =
                if digits > precision { exponent(precision - 1) } else { format!("{value:.0$}", precision - digits) };
            match shown.split_once('e') {
                Some((mantissa, exponent)) if mantissa.contains('.') && !spec.alternate => {
                    format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
                }
                None if shown.contains('.') && !spec.alternate => {
                    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
                }
                _ => shown,
            }
        }
    };
    if conversion.is_ascii_uppercase() { shown.to_uppercase() } else { shown }
}

fn wrong_type(conversion: char, index: usize, kind: &str) -> Result<(), FormatError> {
    match conversion {
        'd' | 'i' | 'u' => bad(format!("%{conversion} format: a real number is required, not {kind}")),
        'o' | 'x' | 'X' => bad(format!("%{conversion} format: an integer is required, not {kind}")),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => bad(format!("must be real number, not {kind}")),
        'c' => bad("%c requires int or char"),
        other => {
            let shown = if (' '..='\x7f').contains(&other) { other } else { '?' };
            bad(format!("unsupported format character '{shown}' (0x{:x}) at index {index}", u32::from(other)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::default();
        names.set("program_name", "cat");
        names.set("process_num", 7);
        names.set("ENV_X", "100% it's");
        names.set("big", -123_456_789);
        names.set("p(a)", "paren");
        names.set("c", "é");
        names
    }

    fn expand(format: &str) -> Result<String, String> {
        names().expand(format, "program:cat.command")
    }

    #[test]
    fn expands_as_pythons_percent_operator() {
        // Each expected value was printed by Python 3.11.
        for (format, expected) in [
            ("plain", "plain"),
            ("%%", "%"),
            ("%5%", "!unsupported format character '%' (0x25) at index 2"),
            ("%(nope", "!incomplete format key"),
            ("%(program_name)s_%(process_num)02d", "cat_07"),
            ("%(program_name)-10s|", "cat       |"),
            ("%(program_name)10s|", "       cat|"),
            ("%(program_name)010s|", "       cat|"),
            ("%(program_name).2s|%(program_name)5.1s", "ca|    c"),
            ("%(program_name)ls%(program_name)hs", "catcat"),
            ("%(program_name)r%(ENV_X)r", "'cat'\"100% it's\""),
            ("%(c)a%(c)c", "'\\xe9'é"),
            ("%(p(a))s", "paren"),
            ("%(ENV_X)s", "100% it's"),
            ("%(process_num)d%(process_num)s%(process_num)i%(process_num)u", "7777"),
            ("%(process_num)5d|%(process_num)-5d|%(process_num)+d|%(process_num) d", "    7|7    |+7| 7"),
            ("%(process_num)05d|%(process_num)-05d|%(process_num)+05d|%(process_num).3d", "00007|7    |+0007|007"),
            ("%(process_num)#x|%(process_num)#o|%(process_num)#08x|%(process_num)#8X", "0x7|0o7|0x000007|     0X7"),
            ("%(big)d|%(big)012d|%(big)x|%(big).12d", "-123456789|-00123456789|-75bcd15|-000123456789"),
            (
                "%(process_num)f|%(process_num).1f|%(process_num)e|%(process_num)08.2f",
                "7.000000|7.0|7.000000e+00|00007.00",
            ),
            ("%(big)g|%(process_num)g|%(big).3E|%(process_num)#g", "-1.23457e+08|7|-1.235E+08|7.00000"),
            ("%(process_num)c", "\x07"),
            ("%(program_name)%", "!unsupported format character '%' (0x25) at index 15"),
            ("100%", "!incomplete format"),
            ("%(program_name)", "!incomplete format"),
            ("%d", "!%d format: a real number is required, not dict"),
            ("%x", "!%x format: an integer is required, not dict"),
            ("%f", "!must be real number, not dict"),
            ("%c", "!%c requires int or char"),
            ("%h", "!incomplete format"),
            ("%h!", "!unsupported format character '!' (0x21) at index 2"),
            ("a%é", "!unsupported format character '?' (0xe9) at index 2"),
            ("100% sure", "{}100{dict}ure"),
            ("%y", "!unsupported format character 'y' (0x79) at index 1"),
            ("%(program_name)d", "!%d format: a real number is required, not str"),
            ("%(program_name)s %s", "!not enough arguments for format string"),
            ("%s", "{}{dict}"),
            ("%s %(program_name)s", "{}{dict} cat"),
            ("%s %s", "!not enough arguments for format string"),
            ("%*d", "!* wants int"),
            ("%(program_name)9999999999999999999999s", "!width too big"),
            ("%(process_num)9999999999999999999999d", "!width too big"),
            ("%(process_num).9999999999999999999999f", "!precision too big"),
            ("%(big)c", "!%c arg not in range(0x110000)"),
        ] {
            let dictionary = "{'program_name': 'cat', 'process_num': 7, 'ENV_X': \"100% it's\", 'big': -123456789, \
                'p(a)': 'paren', 'c': 'é'}";
            let expected = match (expected.strip_prefix('!'), expected.strip_prefix("{}")) {
                (Some(why), _) => {
                    Err(format!("Format string {} for 'program:cat.command' is badly formatted: {why}", repr(format)))
                }
                (_, Some(with_dictionary)) => Ok(with_dictionary.replace("{dict}", dictionary)),
                _ => Ok(expected.to_owned()),
            };
            assert_eq!(expand(format), expected, "{format:?}");
        }
    }

    #[test]
    fn no_width_or_precision_is_too_much_for_the_formatting_itself() {
        for (conversion, length) in [
            ("65534f", 65536),
            ("65534e", 65540),
            ("65534g", 1),
            ("70000d", 70000),
            ("70000x", 70000),
            ("70000s", 1),
            ("70000r", 1),
            ("1000000d", 1_000_000),
        ] {
            let expanded = expand(&format!("%(process_num).{conversion}"));
            assert_eq!(expanded.map(|text| text.len()), Ok(length), "{conversion}");
        }
        for conversion in ["d", "x", "f", "e", "g", "s", "c"] {
            let expanded = expand(&format!("%(process_num)70000{conversion}"));
            assert_eq!(expanded.map(|text| text.len()), Ok(70_000), "{conversion}");
        }
        // Python would give so many digits; nobody wants them.
        for conversion in ["65535f", "65535e", "70000F", "70000e", "70000E", "70000g", "70000G"] {
            let error = expand(&format!("%(process_num).{conversion}")).unwrap_err();
            assert!(error.ends_with("is badly formatted: precision too big"), "{error}");
        }
    }

    #[test]
    fn the_place_is_known_everywhere_and_listed_where_supervisor_lists_it() {
        let names =
            Names::default().with([("a", "x".into())]).freeze().at("/etc", "host").with([("here", "/h".into())]);
        let expand = |format: &str| names.expand(format, "k");
        assert_eq!(expand("%(a)s %(here)s %(host_node_name)s").as_deref(), Ok("x /h host"));
        assert_eq!(names.clone().freeze().expand("%(host_node_name)s", "k").as_deref(), Ok("host"));
        assert_eq!(expand("%s").as_deref(), Ok("{'a': 'x', 'here': '/h'}"));
        assert!(expand("%(nope)s").unwrap_err().ends_with("Available names: a, here"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            expand("x %(nope)s"),
            Err("Format string 'x %(nope)s' for 'program:cat.command' contains names ('nope') which cannot be expanded. \
                 Available names: ENV_X, big, c, p(a), process_num, program_name"
                .into())
        );
    }
}
