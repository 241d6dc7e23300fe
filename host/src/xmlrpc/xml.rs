//! The part of XML that XML-RPC needs, cut into pieces that borrow from the text.
//!
//! A reader of its own, because the general ones are slower: quick-xml takes two and a half times as long for a call of
//! a thousand fetches, and five times for text full of references. It refuses what expat refuses as far as that
//! protects anyone, and DOCTYPE altogether: XML-RPC has no use for entities, attackers have many. Attributes, comments
//! and processing instructions are read over; that an attribute stands twice, or `--` in a comment, is let pass.

use super::body::{foreign_character, is_blank};
use super::problem::Problem;

/// Kind of a piece that was read; [`Reader::piece`] is its text.
///
/// This is so small, instead of carrying the text, because it is handed from function to function for every tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A start tag; the piece is its name. `<name/>` is a start and an end.
    Start,
    /// The end tag of the element that is open.
    End,
    /// Text as it is.
    Text,
    /// Text with references, for [`unescape`].
    Escaped,
    /// The end of the document.
    Eof,
}

/// Reader of a text, piece by piece.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    piece: &'a str,
    /// True where the last start tag was that of an empty element, of which the end is to be told yet.
    empty: bool,
    /// The names of the open elements.
    open: Vec<&'a str>,
    limit: usize,
}

impl<'a> Reader<'a> {
    /// A reader that gives up when more than `limit` elements are open. It does not look for characters that XML does
    /// not allow, see [`foreign_character`].
    pub(super) fn new(text: &'a str, limit: usize) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, at: 0, piece: "", empty: false, open: Vec::with_capacity(16), limit }
    }

    /// Get the number of bytes that have been read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The name or text of the last piece.
    pub(super) fn piece(&self) -> &'a str {
        self.piece
    }

    /// The next piece.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Piece, Problem> {
        if self.empty {
            self.empty = false;
            return Ok(Piece::End);
        }
        loop {
            return match self.rest() {
                [b'<', b'/', ..] => self.end_tag(),
                [b'<', b'?', ..] => {
                    self.instruction()?;
                    continue;
                }
                [b'<', b'!', ..] => match self.declaration()? {
                    Some(section) => {
                        self.piece = section;
                        Ok(Piece::Text)
                    }
                    None => continue,
                },
                [b'<', ..] => self.start_tag(),
                [] if self.open.is_empty() => Ok(Piece::Eof),
                [] => Err(Problem::Truncated),
                _ => Ok(self.text()),
            };
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    #[inline]
    fn start_tag(&mut self) -> Result<Piece, Problem> {
        let name = self.name(self.at + 1)?;
        self.piece = name;
        self.at += 1 + name.len();
        if self.rest().first() == Some(&b'>') {
            self.at += 1;
        } else {
            self.empty = self.attributes()?;
        }
        if !self.empty {
            if self.open.len() == self.limit {
                return Err(Problem::TooDeep);
            }
            self.open.push(name);
        }
        Ok(Piece::Start)
    }

    fn name(&self, start: usize) -> Result<&'a str, Problem> {
        let bytes = &self.text.as_bytes()[start..];
        let length = bytes.iter().position(|byte| !is_name(*byte)).ok_or(Problem::Truncated)?;
        match bytes[0] {
            b'-' | b'.' | b'0'..=b'9' => Err(Problem::Syntax),
            _ if length == 0 => Err(Problem::Syntax),
            _ => Ok(&self.text[start..start + length]),
        }
    }

    /// Read over attributes to the end of a start tag; `true` for the tag of an empty element.
    fn attributes(&mut self) -> Result<bool, Problem> {
        loop {
            let blanks = self.blanks();
            match self.rest() {
                [b'>', ..] => {
                    self.at += 1;
                    return Ok(false);
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    return Ok(true);
                }
                [] | [b'/'] => return Err(Problem::Truncated),
                _ if blanks == 0 => return Err(Problem::Syntax),
                _ => self.attribute()?,
            }
        }
    }

    fn attribute(&mut self) -> Result<(), Problem> {
        self.at += self.name(self.at)?.len();
        self.blanks();
        self.expect(b'=')?;
        self.blanks();
        let quote = match self.rest() {
            [quote @ (b'"' | b'\''), ..] => *quote,
            [] => return Err(Problem::Truncated),
            _ => return Err(Problem::Syntax),
        };
        let value = &self.rest()[1..];
        let length = value.iter().position(|byte| *byte == quote).ok_or(Problem::Truncated)?;
        if value[..length].contains(&b'<') {
            return Err(Problem::Syntax);
        }
        self.at += 1 + length + 1;
        Ok(())
    }

    #[inline]
    fn end_tag(&mut self) -> Result<Piece, Problem> {
        let name = self.open.pop().ok_or(Problem::Mismatch)?;
        self.at += 2;
        let rest = self.rest();
        if !rest.starts_with(name.as_bytes()) {
            return Err(if name.as_bytes().starts_with(rest) { Problem::Truncated } else { Problem::Mismatch });
        }
        self.at += name.len();
        if rest.get(name.len()) == Some(&b'>') {
            self.at += 1;
            return Ok(Piece::End);
        }
        self.blanks();
        match self.expect(b'>') {
            Err(Problem::Syntax) => Err(Problem::Mismatch),
            other => other.map(|()| Piece::End),
        }
    }

    /// Read over a processing instruction, of which the XML declaration is one.
    fn instruction(&mut self) -> Result<(), Problem> {
        let target = self.name(self.at + 2)?;
        if target.eq_ignore_ascii_case("xml") && self.at > 0 {
            return Err(Problem::Syntax);
        }
        self.through(2, "?>").map(|_| ())
    }

    /// Read what begins with `<!`: over a comment, or a CDATA section.
    fn declaration(&mut self) -> Result<Option<&'a str>, Problem> {
        let begins = |word: &[u8]| {
            let rest = self.rest();
            rest.starts_with(word) || word.starts_with(rest)
        };
        if begins(b"<!--") {
            self.through(4, "-->").map(|_| None)
        } else if begins(b"<![CDATA[") && !self.open.is_empty() {
            self.through(9, "]]>").map(Some)
        } else if begins(b"<!DOCTYPE") {
            Err(Problem::Doctype)
        } else {
            Err(Problem::Syntax)
        }
    }

    /// Read through the next `end` and return what stands before it, without the `skip` bytes of the beginning.
    fn through(&mut self, skip: usize, end: &str) -> Result<&'a str, Problem> {
        let content = self.text.get(self.at + skip..).ok_or(Problem::Truncated)?;
        let length = find(content.as_bytes(), end.as_bytes()).ok_or(Problem::Truncated)?;
        self.at += skip + length + end.len();
        Ok(&content[..length])
    }

    #[inline]
    fn text(&mut self) -> Piece {
        let (length, escaped) = text_length(self.rest());
        self.piece = &self.text[self.at..self.at + length];
        self.at += length;
        if escaped { Piece::Escaped } else { Piece::Text }
    }

    /// Read over white space and return its length in bytes.
    #[inline]
    pub(super) fn blanks(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| is_blank(**byte)).count();
        self.at += count;
        count
    }

    fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        match self.rest().first() {
            None => Err(Problem::Truncated),
            Some(found) if *found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(Problem::Syntax),
        }
    }
}

/// Tell whether a byte may be part of a name. Letters beyond ASCII are not looked at more closely.
fn is_name(byte: u8) -> bool {
    const NAME: [bool; 256] = {
        let mut table = [true; 256];
        let mut byte = 0_u8;
        while byte.is_ascii() {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.');
            byte += 1;
        }
        table
    };
    NAME[usize::from(byte)]
}

/// Count the bytes before the first that `stops`.
#[inline]
pub(super) fn run_length(bytes: &[u8], stops: impl Fn(u8) -> bool) -> usize {
    const BLOCK: usize = 64;
    // Most runs are names, numbers and line feeds.
    let (short, long) = bytes.split_at(bytes.len().min(BLOCK));
    if let Some(length) = short.iter().position(|byte| stops(*byte)) {
        return length;
    }
    let mut length = short.len();
    // A block at a time without branches inside: the compiler makes vector instructions of it.
    for block in long.chunks_exact(BLOCK) {
        if block.iter().fold(0_u8, |found, byte| found | u8::from(stops(*byte))) != 0 {
            break;
        }
        length += BLOCK;
    }
    length + bytes[length..].iter().position(|byte| stops(*byte)).unwrap_or(bytes.len() - length)
}

/// Count the bytes before the next tag, and tell whether there are references among them.
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "branches would keep `run_length` from vector instructions")]
pub(super) fn text_length(bytes: &[u8]) -> (usize, bool) {
    let length = run_length(bytes, |byte| (byte == b'<') | (byte == b'&'));
    if bytes.get(length) == Some(&b'&') {
        (length + run_length(&bytes[length..], |byte| byte == b'<'), true)
    } else {
        (length, false)
    }
}

/// Find the beginning of `word`. For words as short as the ends of comments this is faster than the search of the
/// standard library, which first studies the word.
fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += run_length(&bytes[at..], |byte| byte == word[0]);
        match &bytes[at..] {
            [] => return None,
            rest if rest.starts_with(word) => return Some(at),
            _ => at += 1,
        }
    }
}

/// Put the characters in place of their references.
pub(super) fn unescape(text: &str) -> Result<String, Problem> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let run = run_length(rest.as_bytes(), |byte| byte == b'&');
        plain.push_str(&rest[..run]);
        rest = &rest[run..];
        let (character, length) = match rest.as_bytes() {
            [] => return Ok(plain),
            [b'&', b'l', b't', b';', ..] => ('<', 4),
            [b'&', b'g', b't', b';', ..] => ('>', 4),
            [b'&', b'a', b'm', b'p', b';', ..] => ('&', 5),
            [b'&', b'q', b'u', b'o', b't', b';', ..] => ('"', 6),
            [b'&', b'a', b'p', b'o', b's', b';', ..] => ('\'', 6),
            [b'&', b'#', ..] => {
                let length = rest.find(';').ok_or(Problem::CharacterReference)?;
                (numbered(&rest[2..length]).ok_or(Problem::CharacterReference)?, length + 1)
            }
            _ => return Err(Problem::Entity),
        };
        plain.push(character);
        rest = &rest[length..];
    }
}

/// Make the character of `&#65;` or `&#x41;`.
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // A sign is nothing that `from_str_radix` should see.
    let number = digits.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| u32::from_str_radix(digits, radix));
    char::from_u32(number?.ok()?)
        .filter(|character| foreign_character(character.encode_utf8(&mut [0; 4]).as_bytes()).is_none())
}
