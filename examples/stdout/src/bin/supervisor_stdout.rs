//! `supervisor_stdout`: an event listener that answers each event with the event itself, for the result handler that
//! prints it.

#![forbid(unsafe_code)]

use std::{
    io::{self, BufRead, Error, Read, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    match echo(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("supervisor_stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Speak the protocol of event listeners until stdin ends.
fn echo(stdin: &mut impl BufRead, stdout: &mut impl Write) -> io::Result<()> {
    loop {
        stdout.write_all(b"READY\n")?;
        stdout.flush()?;
        let mut line = String::new();
        if stdin.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let len = line.split_whitespace().find_map(|field| field.strip_prefix("len:")?.parse::<usize>().ok());
        let characters = len.ok_or_else(|| Error::other(format!("no length in {line:?}; it is run by supervisord")))?;
        let payload = read_characters(stdin, characters)?;
        stdout.write_all(format!("RESULT {}\n", payload.len()).as_bytes())?;
        stdout.write_all(&payload)?;
    }
}

/// Read so many characters of UTF-8, which is what the length of an event counts.
fn read_characters(stdin: &mut impl Read, characters: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut missing) = (Vec::new(), characters);
    while missing > 0 {
        // Each character that is missing has a byte at least.
        let begin = bytes.len();
        bytes.resize(begin + missing, 0);
        stdin.read_exact(&mut bytes[begin..])?;
        let is_begin = |byte: &u8| byte & 0xc0 != 0x80;
        let there = bytes.iter().filter(|byte| is_begin(byte)).count();
        missing = characters - there + unfinished(&bytes);
    }
    Ok(bytes)
}

/// Number of bytes that the last character lacks.
fn unfinished(bytes: &[u8]) -> usize {
    let Some(at) = bytes.iter().rposition(|byte| byte & 0xc0 != 0x80) else { return 0 };
    let len = match bytes[at] {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    };
    len - (bytes.len() - at).min(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_own_answer() {
        let payload = "processname:web channel:stdout\nüñ€😀 and the end\n";
        let event = format!("ver:3.0 eventname:PROCESS_LOG_STDOUT len:{}\n{payload}", payload.chars().count());
        let mut said = Vec::new();
        echo(&mut format!("{event}{event}").as_bytes(), &mut said).unwrap();
        let answer = format!("READY\nRESULT {}\n{payload}", payload.len());
        assert_eq!(String::from_utf8(said).unwrap(), format!("{answer}{answer}READY\n"));
    }

    #[test]
    fn what_is_no_event_ends_it() {
        let error = echo(&mut &b"hello\n"[..], &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "no length in \"hello\\n\"; it is run by supervisord");
        assert!(echo(&mut &b"len:10\nabc"[..], &mut Vec::new()).is_err());
    }
}
