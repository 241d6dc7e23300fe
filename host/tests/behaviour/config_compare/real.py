# Reads config files with the real Supervisor and prints, for each, what --check-config json prints for ours.
import io, json, os, pwd, signal, socket, sys
from supervisor import datatypes, loggers
from supervisor.options import ClientOptions, EventListenerPoolConfig, FastCGIGroupConfig, ServerOptions

class Exit(Exception):
    pass

def realized(path):
    server = read(ServerOptions(), path, resolved)
    if 'error' in server or 'crash' in server or '[supervisorctl]' not in open(path, encoding='utf-8').read():
        return server
    client = read(ClientOptions(), path, client_resolved)
    return client if 'error' in client or 'crash' in client else dict(server, supervisorctl=client)

def client_resolved(options):
    section = options.configroot.supervisorctl
    return {name: getattr(section, name) for name in ['serverurl', 'prompt', 'username', 'history_file']}

def read(options, path, resolved):
    options.stdout = options.stderr = said = io.StringIO()
    def leave(code=None):
        raise Exit(code)
    options.exit = leave
    try:
        options.realize(['-c', path], doc='')
    except Exit:
        text = said.getvalue()
        return {'error': text[len('Error: '):text.rindex('\nFor help, use')]}
    except Exception as crash:
        return {'crash': '%s: %s' % (type(crash).__name__, crash)}
    return resolved(options)

def octal(mode):
    return None if mode is None else '%03o' % mode

def user(uid):
    return None if uid is None else pwd.getpwuid(uid).pw_name

def owner(pair):
    if pair in (None, (-1, -1)):
        return None
    return '%d' % pair[0] if pair[1] == -1 else '%d:%d' % pair

def logfile(it):
    if it is datatypes.Automatic:
        return 'AUTO'
    return {None: 'NONE', '': 'NONE', datatypes.Syslog: 'syslog'}.get(it, it)

def autorestart(it):
    return {datatypes.RestartUnconditionally: True, datatypes.RestartWhenExitUnexpected: 'unexpected'}.get(it, it)

def kind(group):
    return {EventListenerPoolConfig: 'eventlistener', FastCGIGroupConfig: 'fcgi-program'}.get(type(group), 'program')

def program(options, group, it):
    same = ['name', 'command', 'directory', 'priority', 'autostart', 'startsecs', 'startretries', 'stopwaitsecs',
            'stopasgroup', 'killasgroup', 'exitcodes', 'redirect_stderr']
    shown = {name: getattr(it, name) for name in same}
    shown.update(group=group.name, kind=kind(group), process_name=it.name, user=user(it.uid), umask=octal(it.umask),
                 autorestart=autorestart(it.autorestart), stopsignal=signal.Signals(it.stopsignal).name[3:],
                 environment=it.environment, serverurl=options.serverurl if it.serverurl is None else it.serverurl)
    for channel in ['stdout', 'stderr']:
        for option in ['logfile_maxbytes', 'logfile_backups', 'capture_maxbytes', 'events_enabled', 'syslog']:
            shown['%s_%s' % (channel, option)] = getattr(it, '%s_%s' % (channel, option))
        shown[channel + '_logfile'] = logfile(getattr(it, channel + '_logfile'))
    return shown

def members(group):
    # Of those with the same name the last is the one that a group makes.
    return list({process.name: process for process in group.process_configs}.values())

def listener(group):
    from supervisor.events import getEventNameByType
    events = sorted(getEventNameByType(event) for event in group.pool_events)
    return {'name': group.name, 'priority': group.priority, 'buffer_size': group.buffer_size, 'events': events}

def fcgi(group):
    it = group.socket_config
    unix = hasattr(it, 'get_mode')
    return {'name': group.name, 'priority': group.priority, 'socket': it.url, 'socket_backlog': it.backlog,
            'socket_owner': owner(it.get_owner()) if unix else None,
            'socket_mode': octal(it.get_mode()) if unix else None}

def server(it):
    shown = {'section': it['section'], 'username': it['username']}
    if it['family'] == socket.AF_INET:
        shown['port'] = '%s:%d' % (it['host'] or '*', it['port'])
    else:
        shown.update(file=it['file'], chmod=octal(it['chmod']), chown=owner(it['chown']))
    return shown

def resolved(options):
    groups = {group.name: group for group in reversed(options.process_group_configs)}
    groups = [group for group in options.process_group_configs if groups[group.name] is group]
    same = ['minfds', 'minprocs', 'directory', 'logfile', 'logfile_maxbytes', 'logfile_backups', 'pidfile', 'identifier',
            'nodaemon', 'silent', 'nocleanup', 'strip_ansi']
    supervisord = {name: getattr(options, name) for name in same}
    for flag in ['nodaemon', 'silent', 'nocleanup', 'strip_ansi']:
        supervisord[flag] = bool(supervisord[flag])
    level = {value: name for name, value in [
        ('critical', loggers.LevelsByName.CRIT), ('error', loggers.LevelsByName.ERRO), ('warn', loggers.LevelsByName.WARN),
        ('info', loggers.LevelsByName.INFO), ('debug', loggers.LevelsByName.DEBG), ('trace', loggers.LevelsByName.TRAC),
        ('blather', loggers.LevelsByName.BLAT)]}[options.loglevel]
    supervisord.update(user=user(options.uid) if options.user is not None else None, umask=octal(options.umask), loglevel=level,
                       environment=options.configroot.supervisord.environment, childlogdir=os.path.abspath(options.childlogdir))
    return {
        'supervisord': supervisord,
        'servers': [server(it) for it in options.server_configs],
        'groups': [{'name': it.name, 'kind': kind(it), 'priority': it.priority,
                    'processes': sorted(process.name for process in members(it))} for it in groups],
        'programs': sorted((program(options, group, it) for group in groups for it in members(group)),
                           key=lambda it: (it['group'], it['name'])),
        'eventlisteners': [listener(it) for it in groups if isinstance(it, EventListenerPoolConfig)],
        'fcgi_programs': [fcgi(it) for it in groups if isinstance(it, FastCGIGroupConfig)],
        'rpcinterfaces': [name for name, factory, config in options.rpcinterface_factories],
        'warnings': options.parse_warnings,
    }

# The files are given one a line: arguments could be too many.
json.dump([realized(path.rstrip('\n')) for path in sys.stdin], sys.stdout)
