//! Calls and answers that are right in their structure, made of bytes: elements, types and pieces of text.

/// Bytes that decide, one after the other; zeros when they have come to their end.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all[self.next() % all.len()]
    }
}

/// Pieces of which texts are made: what numbers, dates and base64 have, and the ways in which XML writes a character.
const PIECES: [&str; 52] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "9",
    "10",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "20240229",
    "T",
    ":",
    "23:59:59",
    "+",
    "-",
    "_",
    ".",
    "e",
    "E5",
    "inf",
    "nan",
    "Infinity",
    "0x",
    " ",
    "\n",
    "\t",
    "a",
    "B",
    "z",
    "/",
    "=",
    "==",
    "aGFsbG8=",
    "AP8=",
    "\u{e9}",
    "\u{663}",
    "\u{10000}",
    "\u{a0}",
    "&lt;",
    "&gt;",
    "&amp;",
    "&quot;",
    "&apos;",
    "&#65;",
    "&#x41;",
    "&#13;",
    "<![CDATA[<x>]]>",
    "<![CDATA[]]>",
    "<!-- x -->",
    "<?x y?>",
    "]",
];

/// What may stand between elements.
const BETWEEN: [&str; 8] = ["", "", "", "\n", " \t", "<!-- a & b -->", "<?a b?>", "x"];

/// Most arrays and structs inside each other.
const DEPTH: usize = 6;

/// Make a call or an answer.
pub(super) fn make(bytes: &[u8]) -> String {
    let mut choices = Choices(bytes);
    let mut out = choices.one_of(&["<?xml version='1.0'?>", "", "<?xml version=\"1.0\"?>\n<!-- x -->"]).to_owned();
    let kind = choices.next() % 3;
    out += if kind == 0 { "<methodCall><methodName>a.b</methodName>" } else { "<methodResponse>" };
    if kind == 2 {
        out += "<fault><value><struct><member><name>faultCode</name><value><int>";
        text(&mut choices, &mut out);
        out += "</int></value></member><member><name>faultString</name><value><string>";
        text(&mut choices, &mut out);
        out += "</string></value></member></struct></value></fault>";
    } else {
        out += "<params>";
        let count = if kind == 1 { 1 } else { choices.next() % 4 };
        for _ in 0..count {
            out += "<param>";
            value(&mut choices, &mut out, 0);
            out += "</param>";
        }
        out += "</params>";
    }
    out += if kind == 0 { "</methodCall>" } else { "</methodResponse>" };
    out += choices.one_of(&["", "\n", "<!-- x -->"]);
    out
}

fn text(choices: &mut Choices<'_>, out: &mut String) {
    for _ in 0..choices.next() % 8 {
        *out += choices.one_of(&PIECES);
    }
}

fn value(choices: &mut Choices<'_>, out: &mut String, depth: usize) {
    const SCALARS: [&str; 9] = ["int", "i4", "double", "boolean", "string", "dateTime.iso8601", "base64", "i8", "nil"];
    *out += choices.one_of(&["<value>", "<value>", "<value a='b'>", "<value\n>"]);
    match choices.next() % 14 {
        kind @ 0..=8 => {
            // Blanks before a type mean nothing, and neither does what follows it.
            *out += choices.one_of(&BETWEEN);
            let name = SCALARS[kind];
            out.extend(["<", name, ">"]);
            if name != "nil" {
                text(choices, out);
            }
            out.extend(["</", name, ">"]);
            *out += choices.one_of(&BETWEEN);
        }
        9 | 10 if depth < DEPTH => {
            *out += "<array><data>";
            for _ in 0..choices.next() % 4 {
                *out += choices.one_of(&BETWEEN);
                value(choices, out, depth + 1);
            }
            *out += "</data></array>";
        }
        11 | 12 if depth < DEPTH => {
            *out += "<struct>";
            for _ in 0..choices.next() % 4 {
                *out += "<member><name>";
                text(choices, out);
                *out += "</name>";
                *out += choices.one_of(&BETWEEN);
                value(choices, out, depth + 1);
                *out += "</member>";
            }
            *out += "</struct>";
        }
        _ => text(choices, out),
    }
    *out += "</value>";
}
