//! Documents that are read, documents that are refused, and none that makes a panic.

use super::*;
use crate::xmlrpc::encode::encode_fault;

fn params(params: &str) -> Result<RVec<Value>, Problem> {
    let call = format!("<methodCall><methodName>a.b</methodName>{params}</methodCall>");
    decode_call(call.as_bytes()).map(|call| call.params).map_err(|error| error.problem)
}

fn value(value: &str) -> Result<Value, Problem> {
    params(&format!("<params><param>{value}</param></params>")).map(|mut params| params.pop().unwrap())
}

fn call(body: &str) -> Result<MethodCall, Problem> {
    decode_call(body.as_bytes()).map_err(|error| error.problem)
}

#[test]
fn all_types_are_read() {
    let cases = [
        ("<int>-5</int>", Value::Int(-5)),
        ("<i4>7</i4>", Value::Int(7)),
        ("<int>2147483648</int>", Value::Int64(2_147_483_648)),
        ("<i8>7</i8>", Value::Int64(7)),
        ("<ex:i8>7</ex:i8>", Value::Int64(7)),
        ("<boolean>1</boolean>", Value::Bool(true)),
        ("<boolean>0</boolean>", Value::Bool(false)),
        ("<double>-1.5e3</double>", Value::Double(-1500.0)),
        ("<string>hello</string>", "hello".into()),
        ("<string/>", "".into()),
        ("<nil/>", Value::Nil),
        ("<nil></nil>", Value::Nil),
        ("<ex:nil/>", Value::Nil),
        ("<dateTime.iso8601>20260131T23:59:59</dateTime.iso8601>", Value::DateTime("20260131T23:59:59".into())),
        ("<base64>AP/+\n</base64>", Value::Base64(vec![0, 0xff, 0xfe].into())),
        ("<base64/>", Value::Base64(RVec::new())),
        ("<array><data/></array>", Value::Array(RVec::new())),
        ("<array><data><value/><value><nil/></value></data></array>", Value::array(["".into(), Value::Nil])),
        ("<struct/>", Value::Struct(RVec::new())),
        (
            "<struct><member><name>b</name><value>1</value></member><member><name>a</name><value/></member></struct>",
            Value::structure([("b", "1".into()), ("a", "".into())]),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(value(&format!("<value>{text}</value>")), Ok(expected), "{text}");
    }
}

#[test]
fn what_supervisor_lets_pass_passes() {
    assert_eq!(value("<value>  x </value>"), Ok("  x ".into()));
    assert_eq!(value("<value/>"), Ok("".into()));
    assert_eq!(value("<value> <int> 8 </int> </value>"), Ok(Value::Int(8)));
    for text in ["true", "2", "", " 1 "] {
        assert_eq!(value(&format!("<value><boolean>{text}</boolean></value>")), Ok(Value::Bool(false)), "{text}");
    }
    assert_eq!(value("<value a='>' b=\"x\"><string>a</string></value>"), Ok("a".into()));
    let doubled = "<value><struct><member><name>a</name><value>1</value></member><member><name>b</name><value>2\
                   </value></member><member><name>a</name><value>3</value></member></struct></value>";
    assert_eq!(value(doubled), Ok(Value::structure([("a", "3".into()), ("b", "2".into())])));

    let call = |body| call(body).map(|call| (call.name, call.params.len()));
    let named = |name: &str, count| Ok((name.to_owned(), count));
    assert_eq!(call("<a><methodName>b.c</methodName></a>"), named("b.c", 0));
    assert_eq!(call("<a><params><param><value/></param></params><methodName>b.c</methodName></a>"), named("b.c", 1));
    assert_eq!(call("<a><methodName> b.c</methodName><params/></a>"), named(" b.c", 0));
    assert_eq!(call("<a><x><y/></x><methodName>b.c</methodName></a>"), named("b.c", 0));
    assert_eq!(
        call("\u{feff}<?xml version='1.0'?>\n<!-- > -->\n<a><?x y?><methodName>b.<!-- - -->c</methodName></a >\n"),
        named("b.c", 0)
    );
}

#[test]
fn large_structs_keep_the_last_of_doubled_members() {
    let member = |name: usize, value: usize| format!("<member><name>{name}</name><value>{value}</value></member>");
    let text: String = (0..100).map(|number| member(number % 60, number)).collect();
    let Ok(Value::Struct(members)) = value(&format!("<value><struct>{text}</struct></value>")) else { panic!() };
    assert_eq!(members.len(), 60);
    assert_eq!((members[0].name.as_str(), &members[0].value), ("0", &"60".into()));
    assert_eq!((members[59].name.as_str(), &members[59].value), ("59", &"59".into()));
}

#[test]
fn text_is_what_stands_there() {
    let cases = [
        ("a &lt;b&gt; &amp;amp; &quot;&apos;", "a <b> &amp; \"'"),
        ("&#65;&#x42;&#x1F600;&#0067;", "AB\u{1f600}C"),
        ("a<![CDATA[<b>&amp;]]>c&#13;\n", "a<b>&amp;c\r\n"),
        ("a<!-- b -->c<?d?>e", "ace"),
        ("carriage\r\nreturn\r", "carriage\r\nreturn\r"),
        ("<![CDATA[]]>", ""),
        ("\u{fffd} \u{ffff0} \u{7f} \u{85}é漢", "\u{fffd} \u{ffff0} \u{7f} \u{85}é漢"),
    ];
    for (text, expected) in cases {
        assert_eq!(value(&format!("<value><string>{text}</string></value>")), Ok(expected.into()), "{text}");
        assert_eq!(value(&format!("<value>{text}</value>")), Ok(expected.into()), "{text}");
    }
}

#[test]
fn bad_values_are_refused() {
    let cases = [
        ("<int></int>", Problem::Int),
        ("<int>1.5</int>", Problem::Int),
        ("<i8>99999999999999999999</i8>", Problem::IntRange),
        ("<double>x</double>", Problem::Double),
        ("<dateTime.iso8601>today</dateTime.iso8601>", Problem::DateTime),
        ("<base64>a</base64>", Problem::Base64),
        ("<array/>", Problem::Array),
        ("<array><value/></array>", Problem::Array),
        ("<array><data><int>1</int></data></array>", Problem::Data),
        ("<struct><name>a</name></struct>", Problem::Member),
        ("<struct><member/></struct>", Problem::Member),
        ("<struct><member><name>a</name></member></struct>", Problem::Member),
        ("<struct><member><value/><name/></member></struct>", Problem::Member),
        ("<struct><member><name/><value/><value/></member></struct>", Problem::Member),
        ("<string>a<b/></string>", Problem::NotText),
        ("<strong>a</strong>", Problem::Type),
        ("&nbsp;", Problem::Entity),
        ("&;", Problem::Entity),
        ("&lt", Problem::Entity),
        ("& ", Problem::Entity),
        ("&#0;", Problem::CharacterReference),
        ("&#27;", Problem::CharacterReference),
        ("&#xD800;", Problem::CharacterReference),
        ("&#xFFFE;", Problem::CharacterReference),
        ("&#x110000;", Problem::CharacterReference),
        ("&#+65;", Problem::CharacterReference),
        ("&#;", Problem::CharacterReference),
        ("\u{1b}[1m", Problem::Character),
        ("\u{ffff}", Problem::Character),
        ("\0", Problem::Character),
    ];
    for (text, problem) in cases {
        assert_eq!(value(&format!("<value>{text}</value>")), Err(problem), "{text:?}");
    }
    assert_eq!(params("<params><value/></params>"), Err(Problem::Param));
    assert_eq!(params("<params><param/></params>"), Err(Problem::Param));
    assert_eq!(params("<params>&a;</params>"), Err(Problem::Entity));
}

#[test]
fn bad_documents_are_refused() {
    let cases = [
        ("", Problem::Truncated),
        (" \n", Problem::Truncated),
        ("hello", Problem::Syntax),
        ("&lt;", Problem::Syntax),
        ("<a/>", Problem::NoMethodName),
        ("<a><methodName/></a>", Problem::NoMethodName),
        ("<a><methodName><b/></methodName></a>", Problem::NotText),
        ("<a><b></a></b>", Problem::Mismatch),
        ("<a></ab>", Problem::Mismatch),
        ("</a>", Problem::Mismatch),
        ("<a", Problem::Truncated),
        ("<a><b>", Problem::Truncated),
        ("<a></", Problem::Truncated),
        ("<a><!-- ", Problem::Truncated),
        ("<a><![CDATA[", Problem::Truncated),
        ("<![CDATA[x]]><a/>", Problem::Syntax),
        ("<>", Problem::Syntax),
        ("<1/>", Problem::Syntax),
        ("<a b/>", Problem::Syntax),
        ("<a b=c/>", Problem::Syntax),
        ("<a b='<'/>", Problem::Syntax),
        ("<a b='c'd='e'/>", Problem::Syntax),
        ("<a/ >", Problem::Syntax),
        ("<a><?xml version='1.0'?></a>", Problem::Syntax),
        ("<a><!ELEMENT a></a>", Problem::Syntax),
        ("<!DOCTYPE a><a/>", Problem::Doctype),
        ("<!DOCTYPE a [<!ENTITY b 'c'>", Problem::Doctype),
        ("<a><methodName>b.c</methodName></a><a/>", Problem::Trailing),
        ("<a><methodName>b.c</methodName></a>x", Problem::Trailing),
        ("<a><methodName>b.c</methodName></a><!DOCTYPE a>", Problem::Doctype),
    ];
    for (text, problem) in cases {
        assert_eq!(call(text), Err(problem), "{text:?}");
    }
    let deep = "<x>".repeat(100_000);
    assert_eq!(call(&deep), Err(Problem::TooDeep));
    assert_eq!(decode_call(b"<a>\xff</a>").unwrap_err(), DecodeError { problem: Problem::NotUtf8, at: 3 });
}

#[test]
fn values_nest_so_deep_and_no_deeper() {
    let arrays = |depth| {
        format!("<value>{}{}</value>", "<array><data><value>".repeat(depth), "</value></data></array>".repeat(depth))
    };
    let structs = |depth| {
        let (start, end) = ("<struct><member><name/><value>", "</value></member></struct>");
        format!("<value>{}<int>1</int>{}</value>", start.repeat(depth), end.repeat(depth))
    };
    assert!(value(&arrays(NESTING_LIMIT)).is_ok());
    assert!(value(&structs(NESTING_LIMIT)).is_ok());
    assert_eq!(value(&arrays(NESTING_LIMIT + 1)), Err(Problem::TooDeep));
    assert_eq!(value(&structs(NESTING_LIMIT + 1)), Err(Problem::TooDeep));
    assert_eq!(value(&arrays(1_000_000)), Err(Problem::TooDeep));
    assert_eq!(Problem::TooDeep.to_string(), "values are nested deeper than 64 levels");
    let wrapped = format!("<r><params><param>{}</param></params></r>", arrays(NESTING_LIMIT + 2));
    assert!(decode_response(wrapped.as_bytes()).is_ok());
}

#[test]
fn responses_are_read() {
    let response = |inside: &str| {
        decode_response(format!("<methodResponse>{inside}</methodResponse>").as_bytes()).map_err(|error| error.problem)
    };
    let fault = |members: &str| response(&format!("<fault><value><struct>{members}</struct></value></fault>"));
    let code = "<member><name>faultCode</name><value><int>10</int></value></member>";
    let text = "<member><name>faultString</name><value><string>BAD_NAME: x</string></value></member>";
    assert_eq!(response("<params><param><value>a</value></param></params>"), Ok(Ok("a".into())));
    // As Supervisor writes it.
    assert_eq!(response("<params><param><value>\u{1b}[0m\0</value></param></params>"), Ok(Ok("\u{1b}[0m\0".into())));
    assert_eq!(fault(&(code.to_owned() + text)), Ok(Err(Fault::new(10, "BAD_NAME: x"))));
    assert_eq!(fault(&(text.to_owned() + code)), Ok(Err(Fault::new(10, "BAD_NAME: x"))));
    assert_eq!(fault(code), Err(Problem::Fault));
    assert_eq!(response("<fault/>"), Err(Problem::Fault));
    assert_eq!(response(""), Err(Problem::NoResult));
    assert_eq!(response("<params/>"), Err(Problem::NoResult));
}

#[test]
fn the_elements_of_a_list_are_handed_over() {
    let list = |text: &str| {
        let numbers = decode_list(text.as_bytes(), |value| value.as_i64().unwrap_or(-1));
        numbers.map_err(|error| error.problem)
    };
    let response = |value: &str| {
        format!("<?xml version='1.0'?><methodResponse><params><param>{value}</param></params></methodResponse>")
    };
    let array = |values: &str| response(&format!("<value><array><data>{values}</data></array></value>"));
    let numbers = array("<value><int>1</int></value>\n<value><struct></struct></value><value><int>3</int></value>");
    assert_eq!(list(&numbers), Ok(Ok(vec![1, -1, 3])));
    // Read as XML.
    assert_eq!(list(&numbers.replace("<int>3</int>", "<i8>3</i8>")), Ok(Ok(vec![1, -1, 3])));
    assert_eq!(list(&numbers.replace("<int>3</int>", "<i8>x</i8>")), Err(Problem::Int));
    assert_eq!(list(&array("")), Ok(Ok(vec![])));
    assert_eq!(list(&response("<value><int>1</int></value>")), Ok(Ok(vec![])));
    let mut fault = Vec::new();
    encode_fault(&Fault::new(10, "BAD_NAME: x"), &mut fault);
    assert_eq!(list(&String::from_utf8(fault).unwrap()), Ok(Err(Fault::new(10, "BAD_NAME: x"))));
}

#[test]
fn errors_are_short_and_quote_nothing() {
    let secret = "hunter2".repeat(1000);
    let bodies = [
        format!("<{secret}"),
        format!("<a></{secret}>"),
        format!("<a>&{secret};</a>"),
        format!("<a {secret}></a>"),
        format!("<!DOCTYPE {secret}>"),
        format!("<a><params><param><value><{secret}/></value></param></params></a>"),
        format!("<a><params><param><value><int>{secret}</int></value></param></params></a>"),
        format!("<?xml version='1.0' encoding='{secret}'?><a>é</a>"),
    ];
    for body in bodies {
        let message = decode_call(body.as_bytes()).unwrap_err().to_string();
        assert!(message.len() < 100 && !message.contains("hunter2"), "{message}");
    }
}
