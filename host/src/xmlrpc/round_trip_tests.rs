//! Whatever is written is read back; whatever is broken is an error and no panic.

use plugin_api::abi::{Fault, Member, Value};

use super::*;

/// Random numbers that are the same at every run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn int(&mut self) -> i32 {
        let [a, b, c, d, ..] = self.next().to_le_bytes();
        i32::from_le_bytes([a, b, c, d])
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % limit
    }

    /// Text that an XML document can carry, rich in what has to be escaped.
    fn text(&mut self) -> String {
        const ODD: &str = "<>&\"'\r\n\t ;#]-é漢\u{1f600}\u{ffef}\u{fffd}\u{85}\u{7f}";
        let odd: Vec<char> = ODD.chars().collect();
        let plain = self.below(4) > 0;
        let length = if self.below(10) == 0 { 200 } else { self.below(12) };
        (0..length)
            .map(|_| if plain { char::from(b'a' + self.byte() % 26) } else { odd[self.below(odd.len())] })
            .collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 9 } else { 11 }) {
            0 => Value::Nil,
            1 => Value::Bool(self.below(2) == 1),
            2 => Value::Int(self.int()),
            3 => Value::Int64(self.next().cast_signed()),
            4 => Some(f64::from_bits(self.next())).filter(|number| number.is_finite()).unwrap_or(0.1).into(),
            5 => self.text().into(),
            6 => Value::shared(self.text()),
            7 => Value::Base64((0..self.below(100)).map(|_| self.byte()).collect()),
            8 => Value::DateTime(
                format!("20260{}{}0T0{}:59:01", 1 + self.below(9), 1 + self.below(2), self.below(10)).into(),
            ),
            9 => Value::array((0..self.below(5)).map(|_| self.value(depth - 1)).collect::<Vec<_>>()),
            _ => Value::Struct(
                (0..self.below(6))
                    .map(|at| Member { name: format!("{at}{}", self.text()).into(), value: self.value(depth - 1) })
                    .collect(),
            ),
        }
    }
}

fn response(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_response(value, ANSWER_LIMIT, &mut out);
    out
}

#[test]
fn what_is_written_is_read_back() {
    let mut random = Random(0x5eed);
    for _ in 0..2000 {
        let value = random.value(4);
        assert_eq!(decode_response(&response(&value)), Ok(Ok(value)));
    }
    for _ in 0..500 {
        let call =
            MethodCall { name: format!("a{}", random.text()), params: (0..3).map(|_| random.value(2)).collect() };
        let mut out = Vec::new();
        encode_call(&call.name, &call.params, &mut out).unwrap();
        assert_eq!(decode_call(&out), Ok(call));
        let fault = Fault::new(random.int(), random.text());
        out.clear();
        encode_fault(&fault, &mut out);
        assert_eq!(decode_response(&out), Ok(Err(fault)));
    }
}

#[test]
fn what_is_cut_off_is_an_error() {
    let mut random = Random(0xc07);
    for _ in 0..30 {
        let body = response(&random.value(3));
        // All but the last byte, a line feed, are needed.
        for end in 0..body.len() - 1 {
            assert!(decode_response(&body[..end]).is_err(), "{end} bytes of {body:?}");
        }
    }
}

#[test]
fn broken_bytes_never_panic() {
    let mut random = Random(0xbad);
    for _ in 0..100 {
        let mut good = response(&random.value(3));
        if random.below(2) == 0 {
            good.clear();
            encode_call("a.b", &[random.value(2)], &mut good).unwrap();
        }
        for _ in 0..200 {
            let mut body = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(body.len());
                match random.below(4) {
                    0 => body[at] = random.byte(),
                    1 => body[at] ^= 1 << random.below(8),
                    2 => drop(body.remove(at)),
                    _ => body.insert(at, b"<>&/!?;#\"'["[random.below(11)]),
                }
            }
            if let Err(error) = decode_response(&body) {
                assert!(error.to_string().len() < 100);
            }
            fuzzing::xmlrpc(&body);
        }
    }
}
