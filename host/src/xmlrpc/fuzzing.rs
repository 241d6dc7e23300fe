//! XML-RPC documents of whatever bytes, and answers over HTTP.

use std::{
    convert::identity,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
};

use plugin_api::abi::Value;

use super::{
    decode::{MethodCall, decode_call, decode_call_as_xml, decode_response, decode_response_as_xml},
    encode::{encode_call, encode_fault, encode_response},
    limits::ANSWER_LIMIT,
    transport::{Connection, Stream},
    usual::{read_usual_call, read_usual_list, read_usual_response},
};

/// Longest message of an error, in bytes: it never quotes the document.
const LONGEST_MESSAGE: usize = 100;

/// Read bytes as a call and as an answer. What could be read and is written is the same when it is read and written
/// again; the fast way to read and the other one agree.
pub fn xmlrpc(data: &[u8]) {
    if let Some((name, params)) = read_usual_call(data) {
        assert_eq!(decode_call_as_xml(data), Ok(MethodCall { name, params }), "the usual form is XML");
    }
    if let Some(value) = read_usual_response(data) {
        assert_eq!(decode_response_as_xml(data), Ok(Ok(value)), "the usual form is XML");
    }
    if let Some(values) = read_usual_list(data, identity) {
        assert_eq!(decode_response_as_xml(data), Ok(Ok(Value::array(values))), "the usual form is XML");
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

/// Most bytes of a server that stand in its socket, so that nobody waits for anybody.
const MOST_ANSWERED: usize = 64 * 1024;

/// Answers of a server, and the error that ended them.
type Answers = Vec<Result<(u16, Vec<u8>), String>>;

/// Read bytes as what a server answers, one answer after the other. The first byte is the most that is read at once: it
/// changes nothing, and neither does it change a body that is read bit by bit.
pub fn http_answer(data: &[u8]) {
    let Some((most, bytes)) = data.split_first() else { return };
    let bytes = &bytes[..bytes.len().min(MOST_ANSWERED)];
    let connect = |most: usize| {
        let (ours, mut server) = UnixStream::pair().expect("a pair of sockets can be made");
        server.write_all(bytes).expect("it has room for so much");
        Connection::of_unix(ours, most)
    };
    let (most, whole) = (usize::from(*most) + 1, answers(&mut connect(bytes.len() + 1)));
    assert_eq!(whole, answers(&mut connect(most)), "what is read at once changes nothing");
    let length: usize = whole.iter().flatten().map(|(_, body)| body.len()).sum();
    assert!(length <= bytes.len(), "nothing is added");

    let mut connection = connect(most);
    let Ok(head) = connection.head() else { return };
    let (code, mut body, mut piece) = (head.code, Vec::new(), [0; 3]);
    let mut stream = Stream::new(connection, head);
    let end = loop {
        match stream.read(&mut piece) {
            Ok(0) => break Ok((code, body)),
            Ok(length) => body.extend_from_slice(&piece[..length]),
            Err(error) => break Err(error.to_string()),
        }
    };
    assert_eq!(whole.first(), Some(&end), "a body is the same bit by bit");
}

/// Read all that a server answers, up to the first error.
fn answers(connection: &mut Connection) -> Answers {
    let mut answers = Answers::new();
    loop {
        let answer = connection.head().and_then(|head| {
            let (code, goes_on) = (head.code, head.keep_alive);
            connection.body(head).map(|body| (goes_on, (code, body)))
        });
        let goes_on = answer.as_ref().is_ok_and(|(goes_on, _)| *goes_on);
        answers.push(answer.map(|(_, answer)| answer).map_err(|error| error.to_string()));
        if !goes_on {
            return answers;
        }
    }
}
