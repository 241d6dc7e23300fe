//! XML-RPC documents of whatever bytes.

use super::{
    decode::{decode_as_xml, decode_call, decode_response},
    encode::{encode_call, encode_fault, encode_response},
    limits::ANSWER_LIMIT,
    method_call::read_usual,
};

/// Longest message of an error, in bytes: it never quotes the document.
const LONGEST_MESSAGE: usize = 100;

/// Read bytes as a call and as an answer. What could be read and is written is the same when it is read and written
/// again; the fast way to read a call and the other one agree.
pub fn xmlrpc(data: &[u8]) {
    if let Some(usual) = read_usual(data) {
        assert_eq!(decode_as_xml(data), Ok(usual), "the usual form is XML");
    }
    match decode_call(data) {
        Ok(call) => {
            let mut first = Vec::new();
            encode_call(&call.name, &call.params, &mut first).expect("it was not nested too deep to be read");
            let again = decode_call(&first).expect("what is written can be read");
            let mut second = Vec::new();
            encode_call(&again.name, &again.params, &mut second).expect("it was written before");
            assert_eq!(first, second, "a call comes back as it was");
        }
        Err(error) => assert!(error.to_string().len() < LONGEST_MESSAGE),
    }
    match decode_response(data) {
        Ok(Ok(value)) => {
            let write = |value| {
                let mut out = Vec::new();
                encode_response(value, ANSWER_LIMIT, &mut out);
                out
            };
            let first = write(&value);
            let again = decode_response(&first).expect("what is written can be read").expect("it is no fault");
            assert_eq!(first, write(&again), "an answer comes back as it was");
        }
        Ok(Err(fault)) => {
            let write = |fault| {
                let mut out = Vec::new();
                encode_fault(fault, &mut out);
                out
            };
            let first = write(&fault);
            let again = decode_response(&first).expect("what is written can be read").expect_err("it is a fault");
            assert_eq!(first, write(&again), "a fault comes back as it was");
        }
        Err(error) => assert!(error.to_string().len() < LONGEST_MESSAGE),
    }
}
