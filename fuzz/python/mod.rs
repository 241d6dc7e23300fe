//! XML-RPC as Python reads it, compared with ours: documents go to a Python process over a pipe, and what it has read
//! comes back. Supervisor's reader is the measure for calls, and that of Python's clients for answers.
//!
//! `documents` makes documents of bytes which are right in their structure, so that it is values which are compared.
//! Where the readers differ on purpose, [`OURS_REFUSES`] and [`OURS_TAKES`] say why.

mod documents;

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use plugin_api::abi::{Fault, Member, Value};
use supervisor_host::xmlrpc::{
    ANSWER_LIMIT, DecodeError, MethodCall, Problem, decode_call, decode_response, encode_call, encode_response,
};

/// Problems for which ours refuses what Python may take.
const OURS_REFUSES: &[Problem] = &[
    // No client writes one, and attackers do.
    Problem::Doctype,
    // Python has no end of its own; the stack has.
    Problem::TooDeep,
    // Python's numbers have no end, and none of 64 bits is one of XML-RPC.
    Problem::IntRange,
    // Supervisor takes what stands in an element of whatever name as text.
    Problem::Type,
    // Python does not look at the structure: it takes what is there, in whatever order.
    Problem::Param,
    Problem::Array,
    Problem::Data,
    Problem::Member,
    Problem::NotText,
    Problem::NoResult,
    Problem::Fault,
    // A document that is for the other of the two readers.
    Problem::NoMethodName,
    // Clients take a date without a look.
    Problem::DateTime,
];

/// Problems for which ours refuses what Python may take, in a document with digits of other scripts: Python reads them
/// as numbers, and nobody writes them.
const OURS_REFUSES_OF_OTHER_SCRIPTS: &[Problem] = &[Problem::Int, Problem::Double];

/// Beginnings of reasons for which Python refuses what ours takes.
const OURS_TAKES: &[&str] = &[
    // Names and attributes are not looked at more closely: "--" in a comment, an attribute twice, a prefix that nobody
    // has declared.
    "expat 4",
    "expat 8",
    "expat 27",
    "expat 28",
    // Nor is the declaration.
    "expat 30",
    // Base64 that is no text: Supervisor refuses the call.
    "UnicodeDecodeError",
    // Base64 with letters beyond ASCII: as with Supervisor they are passed over; clients refuse it.
    "UnicodeEncodeError",
    // A boolean is true if it is 1, as with Supervisor; clients insist on 0 or 1.
    "TypeError bad boolean value",
];

/// Python process that reads documents.
struct Reference {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Reference {
    fn start(python: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/python/reference.py");
        let mut command = Command::new(python);
        command.arg("-u").arg(&script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {}: {error}", python.display()));
        let (to, from) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        Self { child, to, from }
    }

    /// What Supervisor and a client of Python read in a document.
    fn read(&mut self, document: &[u8]) -> (String, String) {
        let length = u32::try_from(document.len()).expect("documents are short");
        let mut answer = || {
            self.to.write_all(&[&length.to_be_bytes(), document].concat())?;
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            let mut answer = vec![0; u32::from_be_bytes(length) as usize];
            self.from.read_exact(&mut answer).map(|()| answer)
        };
        let answer = answer().unwrap_or_else(|error| panic!("{:?} has ended: {error}", self.child));
        let answer = String::from_utf8(answer).expect("it is text");
        let (supervisor, client) = answer.split_once('\n').expect("it is two lines");
        (supervisor.to_owned(), client.to_owned())
    }
}

/// Have `read` ask the process of this Python, which is started once.
fn ask<T>(python: impl FnOnce() -> PathBuf, read: impl FnOnce(&mut Reference) -> T) -> T {
    static REFERENCE: OnceLock<Mutex<Reference>> = OnceLock::new();
    let reference = REFERENCE.get_or_init(|| Mutex::new(Reference::start(&python())));
    read(&mut reference.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Compare the readers on a document: the bytes themselves or, if the first of them is odd, one that is made of them.
/// `python` is an interpreter that has Supervisor.
pub fn compare(python: impl FnOnce() -> PathBuf, data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let document = if kind % 2 == 0 { bytes.to_vec() } else { documents::make(bytes).into_bytes() };
    // XML reads a carriage return as a line feed, which ours keeps; and Supervisor looks at no encoding.
    let holds = |word: &[u8]| document.windows(word.len()).any(|window| window == word);
    if holds(b"\r") || holds(b"encoding") {
        return;
    }
    ask(python, |reference| {
        let (call, answer) = (decode_call(&document), decode_response(&document));
        let (supervisor, client) = reference.read(&document);
        let show = || format!("{:?}\nSupervisor: {supervisor}\nclient: {client}", String::from_utf8_lossy(&document));
        agree(&document, call.as_ref().map(written_call), &supervisor, &show);
        let read = |answer: &Result<Value, Fault>| match answer {
            Ok(value) => written(value),
            Err(fault) => format!("fault {}", written(&Value::array([fault.code.into(), fault.text.as_str().into()]))),
        };
        // Of several values ours has the last one, and a client all.
        if params_of(&document) < 2 {
            agree(&document, answer.as_ref().map(read), value_of(&client), &show);
        }
        if let Ok(call) = &call {
            let mut again = Vec::new();
            encode_call(&call.name, &call.params, &mut again).expect("it was read");
            assert_eq!(reference.read(&again).1, written_call(call), "what is written is read: {}", show());
        }
        if let Ok(Ok(value)) = &answer {
            let mut again = Vec::new();
            encode_response(value, ANSWER_LIMIT, &mut again);
            assert_eq!(value_of(&reference.read(&again).1), written(value), "what is written is read: {}", show());
        }
    });
}

/// Number of parameters in a document, more or less.
fn params_of(document: &[u8]) -> usize {
    document.windows(7).filter(|window| window.starts_with(b"<param") && !window.ends_with(b"s")).count()
}

/// Check that what ours has read is what Python has, or that there is a reason why not.
fn agree(document: &[u8], ours: Result<String, &DecodeError>, python: &str, show: &impl Fn() -> String) {
    match (ours, python.strip_prefix("no ")) {
        _ if python.starts_with("? ") => {}
        (Ok(ours), None) => assert_eq!(ours, python, "{}", show()),
        (Ok(ours), Some(why)) => {
            assert!(OURS_TAKES.iter().any(|known| why.starts_with(known)), "ours takes {ours}: {}", show());
        }
        (Err(_), Some(_)) => {}
        (Err(error), None) if OURS_REFUSES.contains(&error.problem) => {}
        (Err(error), None) => {
            let is_of_digits = OURS_REFUSES_OF_OTHER_SCRIPTS.contains(&error.problem) && !document.is_ascii();
            assert!(is_of_digits, "ours says {error}: {}", show());
        }
    }
}

/// Value of what a client has read in an answer, which has but one.
fn value_of(client: &str) -> &str {
    let values = client.split_once(' ').and_then(|(_, values)| values.strip_prefix('[')?.strip_suffix(",]"));
    values.filter(|_| !client.starts_with("fault ")).unwrap_or(client)
}

fn written_call(call: &MethodCall) -> String {
    format!("{} [{}]", hex(call.name.as_bytes()), each(&call.params))
}

fn each(values: &[Value]) -> String {
    values.iter().map(|value| written(value) + ",").collect()
}

/// Write a value as the other side does.
fn written(value: &Value) -> String {
    match value {
        Value::Nil => "n".to_owned(),
        Value::Bool(value) => format!("b{}", u8::from(*value)),
        Value::Int(number) => format!("i{number}"),
        Value::Int64(number) => format!("i{number}"),
        Value::Double(number) if number.is_nan() => "dnan".to_owned(),
        Value::Double(number) => format!("d{:016x}", number.to_bits()),
        Value::String(text) => format!("s{}", hex(text.as_bytes())),
        Value::DateTime(text) => format!("t{text}"),
        Value::Base64(bytes) if std::str::from_utf8(bytes).is_ok() => format!("s{}", hex(bytes)),
        Value::Base64(bytes) => format!("x{}", hex(bytes)),
        Value::Array(values) => format!("[{}]", each(values)),
        Value::Struct(members) => {
            let member = |member: &Member| format!("{}={},", hex(member.name.as_bytes()), written(&member.value));
            format!("{{{}}}", members.iter().map(member).collect::<String>())
        }
        Value::Shared(_) => unreachable!("what is read is not shared"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
