//! The cache behind XML-RPC: what goes in comes out, whoever asks.

use nix::sys::signal::Signal;

use crate::common::{Config, Kind, Sandbox, Supervisord, http, wait_until};

#[test]
fn what_is_stored_through_one_server_is_fetched_through_the_other() {
    Supervisord::start(&Config::new()).doctest(
        "
        >>> unix.cache.store('through', 'unix')
        True
        >>> inet.cache.fetch('through')
        'unix'
        >>> inet.cache.store('through', 'inet')
        True
        >>> unix.cache.fetch('through')
        'inet'
        >>> unix.cache.delete('through'), inet.cache.getCount()
        (True, 0)
        ",
    );
}

#[test]
fn the_interface_is_made_once_for_all_servers() {
    let supervisord = Supervisord::start(&Config::new());
    supervisord.wait_for_log("supervisord started with pid");
    assert_eq!(supervisord.log().matches("RPC interface 'cache' initialized").count(), 1);
    assert_eq!(supervisord.log().matches("RPC interface 'supervisor' initialized").count(), 1);
}

#[test]
fn values_of_every_type_come_back_as_they_went() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            r"
            >>> [same(value) for value in [True, False, 0, 1, -1, 2**31 - 1, -2**31]]
            [True, True, True, True, True, True, True]
            >>> [same(value) for value in [0.0, -0.5, 1e-09, 1e300, 3.141592653589793]]
            [True, True, True, True, True]
            >>> [same(value) for value in ['', ' ', '  blanks  ', 'line\nbreak', '\t', '<&>\'\x22', ']]>', 'x' * 100000]]
            [True, True, True, True, True, True, True, True]
            >>> [same(value) for value in [[], [1, 'two', 3.0, [True]], [[[[[]]]]], {}, {'a': {'b': [{'c': 'd'}]}}, {'': 0}]]
            [True, True, True, True, True, True]
            >>> same(DateTime('20261121T08:21:38'))
            True
            >>> same('äöü € 日本語 🦀 \u200b\xa0 \ufeff e\u0301')
            True
            ",
        );
    }
}

#[test]
fn values_that_supervisor_loses_come_back_as_they_went() {
    Supervisord::start(&Config::new()).doctest(
        r"
        >>> same(None), same([None, {'nothing': None}])
        (True, True)
        >>> same(Binary(bytes(range(256)))), same(Binary(b'')), same(Binary(b'text'))
        (True, True, True)
        >>> post('<methodCall><methodName>cache.store</methodName><params><param><value><string>big</string></value></param>'
        ...      '<param><value><i8>9007199254740993</i8></value></param></params></methodCall>')[0]
        200
        >>> s.cache.fetch('big')
        9007199254740993
        >>> same('carriage\rreturn'), same('\r\n')
        (True, True)
        ",
    );
}

#[test]
fn members_of_a_struct_keep_their_order() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> s.cache.store('struct', {'zebra': 1, 'apple': 2, 'mango': {'y': 3, 'x': 4}})
            True
            >>> s.cache.fetch('struct')
            {'zebra': 1, 'apple': 2, 'mango': {'y': 3, 'x': 4}}
            ",
        );
    }
}

#[test]
fn characters_that_xml_cannot_carry_come_back_readable() {
    // They can go in as base64 alone; what comes out must at least be XML.
    Supervisord::start(&Config::new()).doctest(
        r"
        >>> same(Binary(b'\x00\x01\x1b[31m\x7f\xff'))
        True
        >>> s.cache.store(Binary('k\x01y'.encode()), 'control character')
        True
        >>> len(s.cache.getKeys()), s.cache.getCount()
        (2, 2)
        >>> s.cache.fetch(Binary('k\x01y'.encode()))
        'control character'
        >>> s.cache.delete(Binary('k\x01y'.encode())), s.cache.getKeys()
        (True, ['same'])
        ",
    );
}

#[test]
fn keys_are_any_text_but_the_empty_one() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            r"
            >>> keys = ['b', 'a', 'B', ' ', '\n', '10', '9', 'é', 'z', '\uffee', '🦀', 'a.b/c:d', '<&>']
            >>> all(s.cache.store(key, key) for key in keys)
            True
            >>> s.cache.getKeys() == sorted(keys)
            True
            >>> [key for key in keys if s.cache.fetch(key) != key]
            []
            >>> s.cache.getCount() == len(keys)
            True
            >>> s.cache.store('a', 'replaced'), s.cache.fetch('a'), s.cache.getCount() == len(keys)
            (True, 'replaced', True)
            >>> s.cache.delete('a'), s.cache.delete('a'), s.cache.getCount() == len(keys) - 1
            (True, True, True)
            >>> s.cache.clear(), s.cache.clear(), s.cache.getKeys(), s.cache.getCount()
            (True, True, [], 0)
            ",
        );
    }
}

#[test]
fn faults_and_their_texts() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> fault(s.cache.fetch, 'missing')
            10 BAD_NAME
            >>> for key in ['', 42, True, 1.5, ['a'], {'a': 'b'}]:
            ...     for call in [s.cache.fetch, s.cache.delete, lambda key: s.cache.store(key, 'value')]:
            ...         fault(call, key)
            10 BAD_NAME: Cache key must be a non-empty string
            ...
            10 BAD_NAME: Cache key must be a non-empty string
            >>> for call in [s.cache.fetch, s.cache.store, s.cache.delete]:
            ...     fault(call)
            ...     fault(call, 'a', 'b', 'c')
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            >>> for call in [s.cache.getKeys, s.cache.getCount, s.cache.clear, s.cache.getAPIVersion]:
            ...     fault(call, 'too many')
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            >>> for name in ['_update', '_validateKey', '_shutdown', '_event', 'cache', 'supervisord', '__class__', 'nope', '']:
            ...     fault(s.__getattr__('cache.' + name))
            1 UNKNOWN_METHOD
            ...
            1 UNKNOWN_METHOD
            >>> s.cache.getCount()
            0
            ",
        );
    }
}

#[test]
fn it_describes_itself() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> s.cache.getAPIVersion()
            '0.2'
            >>> [name for name in s.system.listMethods() if name.startswith('cache.')]  # doctest: +NORMALIZE_WHITESPACE
            ['cache.clear', 'cache.delete', 'cache.fetch', 'cache.getAPIVersion', 'cache.getCount', 'cache.getKeys',
             'cache.store']
            >>> for name in ['getAPIVersion', 'getKeys', 'getCount', 'store', 'fetch', 'delete', 'clear']:
            ...     print(name, s.system.methodSignature('cache.' + name))
            getAPIVersion ['string']
            getKeys ['array']
            getCount ['integer']
            store ['boolean', 'string', 'string']
            fetch ['string', 'string']
            delete ['boolean', 'string']
            clear ['boolean']
            >>> '@param' in s.system.methodHelp('cache.store'), '@return' in s.system.methodHelp('cache.getKeys')
            (True, True)
            ",
        );
    }
}

/// A program that takes its time to stop keeps the shutdown going while the cache is asked.
#[test]
fn it_refuses_while_supervisord_shuts_down() {
    let config = Config::new().program(
        "stubborn",
        "command=/bin/sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=20",
    );
    for supervisord in Supervisord::both(&config) {
        crate::common::wait_until("the trap is set", || supervisord.sandbox.read("stubborn.out").contains("ready"));
        supervisord.doctest(
            "
            >>> s.cache.store('key', 'value')
            True
            >>> s.supervisor.shutdown()
            True
            ",
        );
        supervisord.wait_for_log("waiting for stubborn to");
        supervisord.doctest(
            "
            >>> for name in ['getAPIVersion', 'getKeys', 'getCount', 'clear']:
            ...     fault(getattr(s.cache, name))
            6 SHUTDOWN_STATE
            6 SHUTDOWN_STATE
            6 SHUTDOWN_STATE
            6 SHUTDOWN_STATE
            >>> fault(s.cache.fetch, 'key'), fault(s.cache.store, '', 1), fault(s.cache.delete, 'key')
            6 SHUTDOWN_STATE
            6 SHUTDOWN_STATE
            6 SHUTDOWN_STATE
            (None, None, None)
            >>> fault(s.cache.fetch)
            2 INCORRECT_PARAMETERS
            >>> len(s.system.listMethods()) > 40
            True
            ",
        );
    }
}

/// A restart empties the cache and keeps the pid.
#[test]
fn a_restart_empties_it() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> pid = s.supervisor.getPID()
            >>> s.cache.store('key', 'value'), s.supervisor.restart()
            (True, True)
            >>> def emptied():
            ...     try: return s.cache.getKeys() == []
            ...     except (OSError, xmlrpc.client.Error, xmlrpclib.ResponseError): return False
            >>> deadline = time.monotonic() + 30
            >>> while not emptied() and time.monotonic() < deadline: time.sleep(0.05)
            >>> s.cache.getKeys(), s.supervisor.getPID() == pid
            ([], True)
            ",
        );
    }
}

#[test]
fn a_megabyte_goes_in_and_out() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> same('0123456789abcdef' * 65536), same('é<&' * 300000)
            (True, True)
            ",
        );
    }
}

/// Bytes on the wire, for clients that compare them.
#[test]
fn answers_are_written_as_supervisor_writes_them() {
    let answer = |supervisord: Supervisord| {
        let store = "<methodCall><methodName>cache.store</methodName><params><param><value><string>key</string></value></param>\
                     <param><value><struct><member><name>n</name><value><array><data><value><int>1</int></value>\
                     <value><boolean>0</boolean></value><value><double>2.5</double></value><value><string>a&lt;b&gt;&amp;\"</string>\
                     </value><value><dateTime.iso8601>20261121T08:21:38</dateTime.iso8601></value></data></array></value></member>\
                     </struct></value></param></params></methodCall>";
        [store, &http::call("cache.fetch", &["key"]), &http::call("cache.fetch", &["missing"])]
            .map(|body| supervisord.post("/RPC2", body).text())
    };
    let answers: Vec<_> = Supervisord::both(&Config::new()).map(answer).collect();
    assert_eq!(answers[1], answers[0]);
}

#[test]
fn its_further_methods_are_listed_where_the_section_has_an_option() {
    let without = Supervisord::start(&Config::new());
    let with = Supervisord::start(&Config::new().section("rpcinterface:cache", "store=memory"));
    let methods = "
        >>> s.cache.add('key', 1), s.cache.add('key', 2), s.cache.fetch('key')
        (True, False, 1)
        >>> s.system.methodSignature('cache.add')
        ['boolean', 'string', 'value', 'double']
        ";
    for (supervisord, listed) in [(without, "False"), (with, "True")] {
        supervisord.doctest(&format!("{methods}>>> 'cache.add' in s.system.listMethods()\n        {listed}\n        "));
    }
}

/// Limits, and a file in that sandbox, which is another than that of its supervisord.
fn in_a_file(outside: &Sandbox) -> Config {
    let lines = format!("store=file\nfile={}/cache\nmax_keys=3", outside.here());
    Config::new().section("rpcinterface:cache", &lines)
}

#[test]
fn a_file_keeps_it_over_a_restart_and_a_crash() {
    let outside = Sandbox::new();
    let mut supervisord = Supervisord::start(&in_a_file(&outside));
    supervisord.doctest(
        "
        >>> s.cache.store('key', 'value'), s.cache.storeFor('soon', 'gone', 1000), s.supervisor.restart()
        (True, True, True)
        ",
    );
    wait_until("it has started anew", || supervisord.log().matches("supervisord started with pid").count() == 2);
    supervisord.doctest(
        "
        >>> s.cache.getKeys(), s.cache.fetch('key'), 900 < s.cache.getSecondsLeft('soon') <= 1000
        (['key', 'soon'], 'value', True)
        >>> s.cache.increment('n'), s.cache.getInfo()['store']
        (1, 'file')
        >>> fault(s.cache.store, 'more', 1)
        240 QUOTA_EXCEEDED: max_keys is 3, and 4 keys were asked for
        ",
    );
    supervisord.signal(Signal::SIGKILL);
    supervisord.wait();
    Supervisord::start(&in_a_file(&outside)).doctest(
        "
        >>> s.cache.getKeys(), s.cache.increment('n')
        (['key', 'n', 'soon'], 2)
        ",
    );
}

#[test]
fn a_second_supervisord_is_refused_the_file_of_the_first() {
    let outside = Sandbox::new();
    let first = Supervisord::start(&in_a_file(&outside));
    let second = Supervisord::run(Kind::Ours, &in_a_file(&outside));
    let told = format!("STORE_FAILED: {}/cache is in use by the process {}", outside.here(), first.pid());
    assert!(second.status != 0 && second.stderr.contains(&told), "{second:#?}");
}
