//! `system.multicall`: many calls in one request, answered as Supervisor answers them.

use crate::common::{Config, Supervisord};

#[test]
fn answers_are_bare_values_and_faults_are_structs() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> def call(name, *params): return {'methodName': name, 'params': list(params)}
            >>> s.system.multicall([call('cache.store', 'key', [1, 'two']), call('cache.fetch', 'key'),
            ...                     call('cache.fetch', 'missing'), call('cache.getCount')])
            [True, [1, 'two'], {'faultCode': 10, 'faultString': 'BAD_NAME'}, 1]
            >>> s.system.multicall([])
            []
            ",
        );
    }
}

#[test]
fn one_bad_call_spoils_no_other() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> calls = [
            ...     {'methodName': 'cache.getCount', 'params': ['too many']},
            ...     {'methodName': 'system.multicall', 'params': [[]]},
            ...     {'params': []},
            ...     {},
            ...     {'methodName': 'nope', 'params': []},
            ...     {'methodName': 'nope', 'params': 5},
            ...     {'methodName': 'cache.getCount', 'params': 5},
            ...     {'methodName': 'cache._update', 'params': ['x']},
            ...     {'methodName': 'supervisor.supervisord.options.execve', 'params': []},
            ...     {'methodName': 'supervisor.getProcessInfo', 'params': ['nope']},
            ...     {'methodName': 'cache.getCount'},
            ... ]
            >>> for answer in s.system.multicall(calls): print(answer)
            {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS'}
            {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS: Recursive system.multicall forbidden'}
            {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS: No methodName'}
            {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS: No methodName'}
            {'faultCode': 1, 'faultString': 'UNKNOWN_METHOD'}
            {'faultCode': 1, 'faultString': 'UNKNOWN_METHOD'}
            {'faultCode': 2, 'faultString': 'INCORRECT_PARAMETERS'}
            {'faultCode': 1, 'faultString': 'UNKNOWN_METHOD'}
            {'faultCode': 1, 'faultString': 'UNKNOWN_METHOD'}
            {'faultCode': 10, 'faultString': 'BAD_NAME: nope'}
            0
            ",
        );
    }
}

/// Starts and stops that wait run one after the other, and all inside the one answer.
#[test]
fn deferred_answers_wait_for_each_other() {
    let config = Config::new()
        .program("one", "command=/bin/cat\nautostart=false")
        .program("two", "command=/bin/cat\nautostart=false");
    for supervisord in Supervisord::both(&config) {
        supervisord.doctest(
            "
            >>> def call(name, *params): return {'methodName': 'supervisor.' + name, 'params': list(params)}
            >>> answers = s.system.multicall([call('startProcess', 'one'), call('startProcess', 'nope'),
            ...     call('getProcessInfo', 'one'), call('startProcess', 'two'), call('startProcess', 'one'),
            ...     call('stopProcess', 'one'), call('getProcessInfo', 'one'), call('stopAllProcesses'),
            ...     call('getProcessInfo', 'two')])
            >>> [answer['statename'] if 'statename' in answer else answer for answer in answers if type(answer) is dict]
            ... # doctest: +NORMALIZE_WHITESPACE
            [{'faultCode': 10, 'faultString': 'BAD_NAME: nope'}, 'RUNNING',
             {'faultCode': 60, 'faultString': 'ALREADY_STARTED: one'}, 'STOPPED', 'STOPPED']
            >>> [answer for answer in answers if type(answer) is not dict]  # doctest: +NORMALIZE_WHITESPACE
            [True, True, True, [{'name': 'two', 'group': 'two', 'status': 80, 'description': 'OK'}]]
            ",
        );
        let order = ["success: one", "success: two", "stopped: one", "stopped: two"];
        let log = supervisord.log();
        let places = order.map(|text| log.find(text).unwrap_or_else(|| panic!("no {text:?} in the log")));
        assert!(places.is_sorted(), "{places:?}");
    }
}

#[test]
fn a_thousand_fetches() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> s.cache.store('key', 'value')
            True
            >>> s.system.multicall([{'methodName': 'cache.fetch', 'params': ['key']}] * 1000) == ['value'] * 1000
            True
            ",
        );
    }
}

#[test]
fn what_is_no_list_of_calls() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> for calls in [5, {}, None, True]: fault(s.system.multicall, calls)
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            2 INCORRECT_PARAMETERS
            ",
        );
    }
    // Supervisor answers these with HTTP 500.
    Supervisord::start(&Config::new()).doctest(
        "
        >>> fault(s.system.multicall, 'text')
        2 INCORRECT_PARAMETERS
        >>> [answer['faultCode'] for answer in s.system.multicall([5, None, 'text', []])]
        [2, 2, 2, 2]
        >>> s.cache.getCount()
        0
        ",
    );
}
