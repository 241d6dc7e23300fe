// The status page, alive. It follows GET /live; without this script the page works by its forms, as it always did.
"use strict";

(() => {
  const SAMPLES = 150; // of CPU and memory, one every two seconds
  const LOG_LINES = 5000; // that are kept of a log
  const LOG_BEFORE = 64 << 10; // bytes of a log that are shown of what was there before
  const SILENCE = 12_000; // milliseconds after which a stream that says nothing is taken for lost
  const RETRY = 1_000; // milliseconds between two tries to come back
  const LONGEST_RETRY = 30_000; // milliseconds between two tries to follow a log that is not given
  const REFRESH = 3_000; // milliseconds between two looks at a panel

  /** Element with attributes (`on…` are listeners, `true` is there, `false` and null are not) and children. */
  const h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null));
    return element;
  };
  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const number = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const bytes = (count) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; count >= 1024 && unit < units.length - 1; unit++) count /= 1024;
    return `${number(count, unit > 0 && count < 100 ? 1 : 0)} ${units[unit]}`;
  };
  const uptime = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    const days = Math.floor(whole / 86_400);
    const two = (part) => String(part).padStart(2, "0");
    const clock = `${Math.floor(whole / 3600) % 24}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
    return days ? `${days} day${days > 1 ? "s" : ""}, ${clock}` : clock;
  };
  const moment = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleString() : "never");

  // ---- Asking ----

  const post = async (path, type, body) => {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": type, Accept: "application/json" }, body });
    if (!answer.ok) throw new Error((await answer.text()).trim() || `HTTP status ${answer.status}`);
    return answer.json();
  };
  /** Answer of an XML-RPC method. */
  const call = async (method, ...params) => {
    const { result, fault } = await post("live/call", "application/json", JSON.stringify({ method, params }));
    if (fault) throw new Error(`${method}: ${fault.text} (${fault.code})`);
    return result;
  };
  /** Do what a form of the plain page does, and say what it would say. */
  const act = async (form) => {
    const { message } = await post("index.html", "application/x-www-form-urlencoded", form);
    say(message, /^ERROR|^unexpected|^No such/.test(message));
  };

  const said = h("p", { class: "status_msg", role: "status", hidden: true });
  const say = (text, isError = false) => {
    setText(said, text);
    said.hidden = !text;
    said.classList.toggle("error", isError);
  };
  /** Run what a button does; it is busy meanwhile, and says what went wrong. */
  const busy = async (button, work) => {
    if (button.getAttribute("aria-busy") === "true" || button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      say(`${button.getAttribute("aria-label") || button.textContent}: ${error.message}`, true);
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  const button = (label, of, work, attributes = {}) => {
    const element = h("button", { type: "button", "aria-label": of ? `${label} ${of}` : null, ...attributes }, label);
    element.addEventListener("click", () => busy(element, () => work(element)));
    return element;
  };
  const disable = (element, isDisabled) => element.setAttribute("aria-disabled", String(isDisabled));

  // ---- The skeleton ----

  const main = document.querySelector("main");
  const connection = h("p", { id: "connection", role: "status" }, "Connecting…");
  const nav = h("nav", { "aria-label": "Views" });
  const filter = h("input", {
    type: "search", id: "filter", placeholder: "Filter (/)", "aria-label": "Filter programs", autocomplete: "off", oninput: () => filterRows(),
  });
  const which = h("select", { id: "which", "aria-label": "Show states", onchange: () => filterRows() },
    ["all", "running", "not running", "in trouble"].map((name) => h("option", { value: name }, name)));
  const count = h("output", { id: "count", for: "filter which" });
  const table = h("table", { class: "programs" },
    h("thead", {}, h("tr", {}, ["Name", "State", "Description", "CPU", "Memory", "Action"].map((name) => h("th", { scope: "col" }, name)))));
  const programs = h("section", { id: "programs", "aria-label": "Programs" }, h("div", { class: "filter" }, filter, which, count), table);
  const drawer = h("section", { id: "drawer", hidden: true, tabindex: "-1" });
  const view = h("section", { id: "view", hidden: true, tabindex: "-1" });

  // ---- Programs ----

  const processes = new Map(); // by namespec
  const groups = new Map(); // by name, in their order
  const visible = new Set(); // the processes whose rows are on the screen: others need no drawing
  let skew = 0; // seconds that the server's clock is ahead of ours
  let now = () => Date.now() / 1000 + skew;
  let isLost = true;

  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const process = processes.get(entry.target.dataset.namespec);
      if (!process) continue;
      if (entry.isIntersecting) {
        visible.add(process);
        draw(process);
      } else visible.delete(process);
    }
  }, { rootMargin: "200px" });

  const isUp = (state) => ["RUNNING", "STARTING", "BACKOFF"].includes(state);
  const isInTrouble = (data) => ["FATAL", "BACKOFF", "UNKNOWN"].includes(data.state) || data.health === "failed";
  const badge = (state) => (state === "RUNNING" ? "statusrunning" : ["FATAL", "BACKOFF"].includes(state) ? "statuserror" : "statusnominal");

  const sparkline = () => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 100 20");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.append(path);
    return { svg, path };
  };
  /** Path of a curve: it begins with a minute's width, and then holds all samples. */
  const plot = (samples, least) => {
    const most = Math.max(least, 1.2 * Math.max(...samples));
    const step = 100 / (Math.max(30, samples.length) - 1);
    const start = 100 - (samples.length - 1) * step;
    return samples.map((value, index) => `${index ? "L" : "M"}${(start + index * step).toFixed(1)} ${(19 - (value / most) * 18).toFixed(1)}`).join("");
  };

  const makeProcess = (data) => {
    const { namespec } = data;
    const state = h("span", {});
    const description = h("span", { class: "description" });
    const notes = h("span", { class: "notes" });
    const cpu = { text: h("span", { class: "figure" }), ...sparkline() };
    const memory = { text: h("span", { class: "figure" }), ...sparkline() };
    const process = { data, pid: data.pid, state, description, notes, cpu, memory, usage: null, samples: { cpu: [], memory: [] } };
    const form = (action) => new URLSearchParams({ processname: namespec, action });
    process.toggle = button("Start", namespec, () => act(form(process.toggle.dataset.action)));
    process.restart = button("Restart", namespec, () => act(form("restart")));
    process.log = button("Log", namespec, () => openDrawer(process));
    process.row = h("tr", { "data-namespec": namespec },
      h("th", { scope: "row" }, data.group === data.name ? namespec : h("span", { class: "member" }, namespec)),
      h("td", { class: "state" }, state), h("td", {}, description, notes),
      h("td", { class: "cpu" }, cpu.text, cpu.svg), h("td", { class: "memory" }, memory.text, memory.svg),
      h("td", { class: "buttons" }, process.toggle, process.restart, process.log));
    observer.observe(process.row);
    return process;
  };

  const describe = ({ data }) => {
    if (data.state !== "RUNNING" || !data.start) return data.description;
    return `pid ${data.pid}, uptime ${uptime(now() - data.start)}`;
  };
  const remarks = ({ data }) => [
    ...(data.restarts ? [`${data.restarts} restart${data.restarts > 1 ? "s" : ""}`] : []),
    ...data.remarks,
  ].join("; ");

  /** CPU in percent of one; a process that has just come has none yet. */
  const cpuText = (usage) => (usage && usage[0] !== null ? `${number(usage[0], 1)} %` : "");
  /** Write what changes with time. */
  const draw = (process) => {
    setText(process.description, describe(process));
    const { usage, samples } = process;
    setText(process.cpu.text, cpuText(usage));
    setText(process.memory.text, usage ? bytes(usage[1]) : "");
    process.cpu.path.setAttribute("d", plot(samples.cpu, 5));
    process.memory.path.setAttribute("d", plot(samples.memory, 1));
  };
  /** Write what changes with an event. */
  const update = (process) => {
    const { data, state, toggle } = process;
    setText(state, data.state.toLowerCase());
    state.className = badge(data.state);
    process.row.classList.toggle("trouble", isInTrouble(data));
    setText(process.notes, remarks(process));
    const stops = data.stoppable || data.state === "STOPPING";
    toggle.dataset.action = stops ? "stop" : "start";
    setText(toggle, stops ? "Stop" : "Start");
    toggle.setAttribute("aria-label", `${toggle.textContent} ${data.namespec}`);
    disable(toggle, data.state === "STOPPING");
    disable(process.restart, data.state !== "RUNNING");
    if (data.pid !== process.pid) {
      process.pid = data.pid;
      process.usage = null;
      process.samples = { cpu: [], memory: [] };
    }
    draw(process);
    if (drawn === process) drawDetails();
  };

  const makeGroup = (name) => {
    const group = { name, body: h("tbody", {}), members: new Set(), isOpen: true, header: null };
    const toggle = h("button", { type: "button", class: "fold", "aria-expanded": "true" }, name);
    toggle.addEventListener("click", () => {
      group.isOpen = !group.isOpen;
      toggle.setAttribute("aria-expanded", String(group.isOpen));
      filterRows();
    });
    group.count = h("span", { class: "notes" });
    const all = (label, work) => button(label, `group ${name}`, async () => {
      await work();
      say(`Group ${name}: ${label.toLowerCase()} done`);
    });
    const start = () => call("supervisor.startProcessGroup", name);
    const stop = () => call("supervisor.stopProcessGroup", name);
    group.header = h("tr", { class: "group", hidden: true }, h("th", { scope: "rowgroup", colspan: "5" }, toggle, " ", group.count),
      h("td", { class: "buttons" }, all("Start", start), all("Stop", stop), all("Restart", async () => {
        await stop();
        await start();
      })));
    group.body.append(group.header);
    return group;
  };

  const put = (data) => {
    let process = processes.get(data.namespec);
    if (process) process.data = data;
    else {
      process = makeProcess(data);
      processes.set(data.namespec, process);
      if (!groups.has(data.group)) groups.set(data.group, makeGroup(data.group));
      const group = groups.get(data.group);
      group.members.add(process);
      group.body.append(process.row);
      if (!group.body.isConnected) {
        // Groups come by name, and a new one has its place among them.
        const next = [...groups.values()].find((other) => other.body.isConnected && other.name > group.name);
        table.insertBefore(group.body, next ? next.body : null);
      }
    }
    update(process);
  };
  const remove = (namespec) => {
    const process = processes.get(namespec);
    if (!process) return;
    processes.delete(namespec);
    visible.delete(process);
    observer.unobserve(process.row);
    process.row.remove();
    const group = groups.get(process.data.group);
    group.members.delete(process);
    if (!group.members.size) {
      group.body.remove();
      groups.delete(group.name);
    }
    if (drawn === process) closeDrawer();
  };

  const filterRows = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = {
      all: () => true, running: (data) => data.state === "RUNNING", "not running": (data) => !isUp(data.state), "in trouble": isInTrouble,
    }[which.value];
    let shown = 0;
    for (const group of groups.values()) {
      let any = false;
      let running = 0;
      for (const { data, row } of group.members) {
        const text = `${data.namespec} ${data.state} ${data.description}`.toLowerCase();
        const matches = wanted(data) && words.every((word) => text.includes(word));
        row.hidden = !matches || !group.isOpen;
        shown += matches;
        any ||= matches;
        running += data.state === "RUNNING";
      }
      const [first] = group.members;
      group.header.hidden = !any || (group.members.size === 1 && first.data.name === group.name);
      if (group.header.hidden && !group.isOpen) for (const { row } of group.members) row.hidden = !any;
      setText(group.count, `${running} of ${group.members.size} running`);
    }
    setText(count, processes.size === shown ? `${shown} programs` : `${shown} of ${processes.size} programs`);
  };

  const note = (usage) => {
    for (const [namespec, process] of processes) {
      if (usage[namespec]) process.usage = usage[namespec];
      if (!process.usage) continue;
      process.samples.cpu.push(process.usage[0] ?? 0);
      process.samples.memory.push(process.usage[1]);
      if (process.samples.cpu.length > SAMPLES) {
        process.samples.cpu.shift();
        process.samples.memory.shift();
      }
    }
    visible.forEach(draw);
    if (drawn) drawDetails();
  };

  // ---- Logs ----

  /** Follow a log into `place` until the answer, a function, is called. */
  const followLog = (place, path) => {
    const controller = new AbortController();
    let reading = new AbortController(); // of the answer that is being read
    const lines = []; // the elements, and their text without markup
    const unfinished = { text: "", element: h("span", { class: "line", hidden: true }) }; // a line that may still grow
    let waiting = []; // lines that came while it was paused
    let rest = "";
    let isPaused = false;
    let needle = "";
    const pre = h("pre", { tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log" });
    const found = h("output", {});
    const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search in the log", autocomplete: "off" });
    const pause = h("button", { type: "button", "aria-pressed": "false" }, "Pause");
    place.replaceChildren(h("div", { class: "filter" }, search, pause, found), pre);

    // Colours of a terminal say nothing here.
    const clean = (text) => text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replace(/\r$/, "");
    const mark = (line) => {
      const at = needle ? line.text.toLowerCase().indexOf(needle) : 0;
      line.element.hidden = at < 0;
      if (!needle || at < 0) return setText(line.element, line.text);
      const end = at + needle.length;
      line.element.replaceChildren(line.text.slice(0, at), h("mark", {}, line.text.slice(at, end)), line.text.slice(end));
    };
    const tell = () => {
      const matching = needle ? `${lines.filter((line) => !line.element.hidden).length} of ${lines.length} lines` : "";
      setText(found, isPaused ? `Paused; new lines: ${waiting.length}. ${matching}` : matching);
    };
    const append = (texts) => {
      const isAtEnd = pre.scrollTop + pre.clientHeight >= pre.scrollHeight - 8;
      const elements = texts.slice(-LOG_LINES).map((text) => {
        const line = { text, element: h("span", { class: "line" }) };
        mark(line);
        lines.push(line);
        return line.element;
      });
      pre.append(...elements, unfinished.element);
      lines.splice(0, Math.max(0, lines.length - LOG_LINES)).forEach((line) => line.element.remove());
      if (isAtEnd) pre.scrollTop = pre.scrollHeight;
      tell();
    };
    const showUnfinished = () => {
      const text = clean(rest);
      if (isPaused || text === unfinished.text) return;
      unfinished.text = text;
      mark(unfinished);
      unfinished.element.hidden ||= !text;
    };
    const add = (texts) => {
      if (!texts.length) return undefined;
      if (!isPaused) return append(texts);
      waiting.push(...texts);
      waiting.splice(0, Math.max(0, waiting.length - LOG_LINES));
      tell();
    };
    search.addEventListener("input", () => {
      needle = search.value.toLowerCase();
      lines.forEach(mark);
      if (unfinished.text) mark(unfinished);
      tell();
    });
    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.setAttribute("aria-pressed", String(isPaused));
      setText(pause, isPaused ? "Go on" : "Pause");
      const came = waiting;
      waiting = [];
      isPaused ? tell() : append(came);
      showUnfinished();
    });

    let hasBegun = false;
    let complaint = ""; // the reason that was given last for there being no log
    let wait = RETRY;
    const read = async () => {
      reading = new AbortController();
      const answer = await fetch(`${path}?before=${LOG_BEFORE}`, { signal: reading.signal });
      if (!answer.ok) {
        const why = answer.status === 404 ? "There is no log file." : (await answer.text()).trim();
        if (why !== complaint) add([why]);
        complaint = why;
        return;
      }
      if (hasBegun) add(["— the log is followed anew —"]);
      [hasBegun, complaint, wait] = [true, "", RETRY];
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const texts = (rest + value).split("\n");
        rest = texts.pop();
        // A line that does not end is shown nevertheless, in parts.
        if (rest.length > 65_536) texts.push(rest), (rest = "");
        add(texts.map(clean));
        showUnfinished();
      }
    };
    (async () => {
      while (!controller.signal.aborted) {
        try {
          await read();
        } catch {
          // The connection is lost, or was given back.
        }
        if (controller.signal.aborted) return;
        // Nothing more comes of a line that was not ended.
        const left = rest ? [clean(rest)] : [];
        rest = "";
        add(left);
        showUnfinished();
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(2 * wait, LONGEST_RETRY);
        while ((isLost || document.hidden) && !controller.signal.aborted) {
          wait = RETRY;
          await new Promise((resolve) => setTimeout(resolve, RETRY));
        }
      }
    })();
    controller.signal.addEventListener("abort", () => reading.abort());
    // A page that nobody sees gives this connection back too.
    document.addEventListener("visibilitychange", () => document.hidden && reading.abort(), { signal: controller.signal });
    return () => controller.abort();
  };

  // ---- One program ----

  let drawn = null; // the process of which the drawer tells
  let opener = null; // the element that has the focus back when it closes
  let stopLog = () => {};
  const details = h("dl", {});
  const log = h("div", { class: "log" });

  const drawDetails = () => {
    const { data, usage } = drawn;
    const rows = [
      ["State", data.state.toLowerCase()], ["Description", describe(drawn)], ["Remarks", remarks(drawn)],
      ["Started", data.start ? moment(data.start) : ""], ["Ended", data.stop ? moment(data.stop) : ""],
      ["Last error", data.spawnerr], ["Ready", data.ready], ["Health", data.health],
      ["CPU", cpuText(usage)], ["Memory", usage ? bytes(usage[1]) : ""],
      ["Command", data.command], ["stdout", data.stdout_logfile], ["stderr", data.stderr_logfile],
    ].filter(([, value]) => value);
    // Written anew only where it differs, so that text which is being selected stays.
    const text = JSON.stringify(rows);
    if (details.dataset.text === text) return;
    details.dataset.text = text;
    details.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
  };
  const openDrawer = (process) => {
    stopLog();
    [drawn, opener] = [process, process.log];
    const { namespec } = process.data;
    const show = (channel) => {
      stopLog();
      tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab.textContent === channel)));
      stopLog = followLog(log, `logtail/${encodeURIComponent(namespec)}/${channel}`);
    };
    const tabs = ["stdout", "stderr"].map((channel) => h("button", { type: "button", onclick: () => show(channel) }, channel));
    const clear = button("Clear Log", namespec, async () => {
      await act(new URLSearchParams({ processname: namespec, action: "clearlog" }));
      show(tabs.find((tab) => tab.getAttribute("aria-pressed") === "true").textContent);
    });
    drawer.replaceChildren(
      h("div", { class: "buttons" }, h("h2", {}, namespec), ...tabs, clear, h("button", { type: "button", class: "close", onclick: () => closeDrawer() }, "Close")),
      details, log);
    drawer.setAttribute("aria-label", namespec);
    drawer.hidden = false;
    document.body.classList.add("with-drawer");
    delete details.dataset.text;
    drawDetails();
    show("stdout");
    drawer.focus();
  };
  const closeDrawer = () => {
    stopLog();
    drawn = null;
    drawer.hidden = true;
    document.body.classList.remove("with-drawer");
    if (opener?.isConnected) opener.focus();
  };

  // ---- Panels ----

  const cellText = (value) => {
    if (value === null || value === undefined) return "";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };

  /** Show a table that `look(search, after)` gives, again and again until the answer is called. */
  const showTable = (place, title, look) => {
    let [timer, isOver, shown, after, trail] = [0, false, "", "", []];
    const search = h("input", { type: "search", placeholder: "Search", "aria-label": `Search in ${title}`, autocomplete: "off" });
    const noted = h("output", {});
    const head = h("tr", {});
    const body = h("tbody", {});
    const forms = h("div", { class: "forms" });
    const shownValue = h("pre", { class: "value", hidden: true, tabindex: "-1" });
    const turn = (where) => {
      after = where;
      return refresh();
    };
    const back = button("Back", "", () => turn(trail.pop() ?? ""));
    const more = button("More", "", () => {
      trail.push(after);
      return turn(more.dataset.after);
    });
    place.replaceChildren(h("h2", {}, title), h("div", { class: "filter" }, search, back, more, noted), forms, shownValue,
      h("table", { class: "panel" }, h("thead", {}, head), body));

    const run = (action, params) => async () => {
      if (action.confirm && !confirm(`${action.label} ${params.join(" ")}?`)) return;
      const result = await call(action.method, ...params);
      if (action.shows) {
        setText(shownValue, typeof result === "string" ? result : JSON.stringify(result, null, 2));
        shownValue.hidden = false;
        shownValue.focus();
      } else {
        say(`${action.label} ${params[0] ?? ""}: done`);
        await refresh();
      }
    };
    const makeForm = (action) => {
      const inputs = action.fields.map((name) => h("input", { name, placeholder: name, "aria-label": `${action.label}: ${name}`, autocomplete: "off" }));
      const submit = h("button", {}, action.label);
      return h("form", { class: "filter", onsubmit: (event) => {
        event.preventDefault();
        busy(submit, run(action, inputs.map((input) => input.value)));
      } }, inputs, submit);
    };
    const render = (data) => {
      const text = JSON.stringify(data);
      if (text === shown) return;
      const isNew = !shown || JSON.stringify([data.columns, data.forms]) !== head.dataset.text;
      shown = text;
      if (isNew) {
        head.dataset.text = JSON.stringify([data.columns, data.forms]);
        const names = data.actions.length ? [...data.columns, "Action"] : data.columns;
        head.replaceChildren(...names.map((name) => h("th", { scope: "col" }, name)));
        forms.replaceChildren(...data.forms.map(makeForm));
      }
      setText(noted, data.note);
      more.dataset.after = data.after ?? "";
      more.hidden = !data.after;
      back.hidden = !trail.length && !after;
      search.hidden = !data.searches;
      // The focus stays in the row that had it.
      const focused = document.activeElement?.closest("tr");
      const label = focused && body.contains(focused) ? document.activeElement.getAttribute("aria-label") : null;
      body.replaceChildren(...data.rows.map((cells) => h("tr", {},
        cells.map((cell, index) => h(index ? "td" : "th", { scope: index ? null : "row", "data-label": data.columns[index] ?? "" }, cellText(cell))),
        data.actions.length ? h("td", { class: "buttons" }, data.actions.map((action) => button(action.label, cellText(cells[0]), run(action, [cells[0]])))) : null)));
      if (label) [...body.querySelectorAll("button")].find((element) => element.getAttribute("aria-label") === label)?.focus();
    };
    const refresh = async () => {
      clearTimeout(timer);
      try {
        if (!isLost && !document.hidden) render(await look(search.value, after));
      } catch (error) {
        if (!isOver) say(`${title}: ${error.message}`, true);
      }
      clearTimeout(timer);
      if (!isOver) timer = setTimeout(refresh, REFRESH);
    };
    search.addEventListener("input", () => {
      trail = [];
      turn("");
    });
    refresh();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  };

  const pluginTable = async () => {
    const libraries = await call("plugins.getAllPluginInfo");
    return {
      columns: ["Name", "Version", "Namespaces", "Calls", "Faults", "Panics", "Seconds", "Running", "Path"],
      rows: libraries.map((it) => [it.name, it.version, it.namespaces.map(({ name }) => name).join(", "), it.calls, it.faults, it.panics,
        number(it.seconds, 3), it.running, it.path]),
      actions: [], forms: [], note: libraries.length ? "" : "No plugins are loaded.", after: null, searches: false,
    };
  };
  const panelTable = (panel) => async (search, after) => {
    const answer = await fetch(`live/panel?${new URLSearchParams({ name: panel.name, search, after })}`);
    const { result, fault } = await answer.json();
    if (fault) throw new Error(fault.text);
    return result;
  };

  let panels = [];
  let stopView = () => {};
  const views = () => [
    { key: "", title: "Programs" },
    { key: "log", title: "Main Log", show: (place) => followLog(place, "mainlogtail") },
    { key: "plugins", title: "Plugins", show: (place) => showTable(place, "Plugins", pluginTable) },
    ...panels.map((panel) => ({ key: panel.name, title: panel.title, show: (place) => showTable(place, panel.title, panelTable(panel)) })),
  ];
  /** The name behind the page's address; none where that is no escaped text. */
  const chosenKey = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return "";
    }
  };
  const navigate = () => {
    const key = chosenKey();
    const all = views();
    const chosen = all.find((it) => it.key === key) ?? all[0];
    nav.replaceChildren(...all.map(({ key: other, title }) => h("a", { href: `#${encodeURIComponent(other)}`, "aria-current": other === chosen.key ? "page" : null }, title)));
    stopView();
    stopView = () => {};
    view.replaceChildren();
    programs.hidden = Boolean(chosen.show);
    view.hidden = !chosen.show;
    view.setAttribute("aria-label", chosen.title);
    if (chosen.show) stopView = chosen.show(view);
  };

  // ---- The stream ----

  let source = null;
  let version = null;
  let heard = Date.now();

  const begin = (data) => {
    if (version !== null && version !== data.script) return location.reload();
    const isFirst = version === null;
    version = data.script;
    skew = data.now - Date.now() / 1000;
    const left = new Set(processes.keys());
    for (const process of data.processes) {
      left.delete(process.namespec);
      put(process);
    }
    left.forEach(remove);
    filterRows();
    note(data.usage);
    isLost = false;
    document.body.classList.remove("lost");
    setText(connection, `Live: ${data.identifier}`);
    const isChanged = JSON.stringify(panels) !== JSON.stringify(data.panels);
    panels = data.panels;
    if (isFirst) {
      main.replaceChildren(nav, said, programs, view, drawer);
      document.body.classList.add("live");
    }
    if (isFirst || isChanged) navigate();
    return undefined;
  };
  const handlers = {
    snapshot: begin,
    change: (data) => {
      data.processes.forEach(put);
      data.removed.forEach(remove);
      filterRows();
    },
    usage: (data) => {
      skew = data.now - Date.now() / 1000;
      note(data.usage);
    },
  };
  const lose = () => {
    source?.close();
    source = null;
    isLost = true;
    if (version !== null) document.body.classList.add("lost");
    setText(connection, "The connection to supervisord is lost. Trying to get it back…");
  };
  const connect = () => {
    heard = Date.now();
    const mine = new EventSource("live");
    source = mine;
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (event) => {
        heard = Date.now();
        handle(JSON.parse(event.data));
      });
    }
    mine.onerror = () => source === mine && lose();
  };
  setInterval(() => {
    // A page that nobody sees gives its connection back: a browser has only six for each server.
    if (document.hidden) return;
    if (source && Date.now() - heard > SILENCE) lose();
    else if (!source) connect();
    if (!isLost) visible.forEach((process) => setText(process.description, describe(process)));
  }, RETRY);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) connect();
  });

  // ---- Keys and forms ----

  document.addEventListener("submit", (event) => {
    const { submitter } = event;
    if (!submitter?.name || event.target.method !== "post" || version === null) return;
    event.preventDefault();
    busy(submitter, () => act(new URLSearchParams(new FormData(event.target, submitter))));
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && drawn) return closeDrawer();
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping) return undefined;
    if (event.key === "/" && !programs.hidden) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      // From row to row, at the button that has the focus.
      const row = event.target.closest?.("table tr");
      if (!row) return undefined;
      const rows = [...row.closest("table").querySelectorAll("tbody tr:not([hidden])")];
      const to = rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
      const index = [...row.querySelectorAll("td button")].indexOf(event.target);
      const buttons = to?.querySelectorAll("td button") ?? [];
      const next = buttons[Math.min(Math.max(index, 0), buttons.length - 1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
    return undefined;
  });
  filter.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    table.querySelector("tbody tr:not([hidden]) td button")?.focus();
  });
  window.addEventListener("hashchange", navigate);

  document.querySelector("header").append(connection);
  connect();
})();
