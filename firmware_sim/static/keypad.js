"use strict";
(() => {
  const main = document.getElementById("door");
  const api = main.dataset.api;
  const find = (id) => document.getElementById(id);
  const BOLT = { locked: "施錠", unlocked: "解錠", jammed: "つまり" };
  const DOOR = { closed: "閉", open: "開", none: "センサーなし" };
  const KEY = { present: "箱の中", out: "持ち出し中", none: "なし" };
  const QUALITY = { synced: "正確", holdover: "未同期", unknown: "不明" };
  const MODE = { normal: "通常", passage: "開放", vacation: "休止" };
  const day = new Intl.DateTimeFormat("ja-JP", {
    timeZone: "Asia/Tokyo", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const when = (unix) => (unix === null ? "–" : day.format(new Date(unix * 1000)));
  let seen = null;
  let logTop = "";

  const put = (id, text) => {
    const node = find(id);
    if (node.textContent !== text) node.textContent = text;
  };

  function drawLog(log) {
    const top = JSON.stringify(log);
    if (top === logTop) return;
    logTop = top;
    find("log").replaceChildren(...log.map((line) => {
      const item = document.createElement("li");
      const time = document.createElement("time");
      time.textContent = line.event.clock_quality === "unknown" ? "時計不明" : when(line.at);
      const text = document.createElement("span");
      text.textContent = line.text;
      item.append(time, text);
      return item;
    }));
  }

  function draw(door) {
    seen = door;
    put("typed", "●".repeat(door.display.typed) || "\u00a0");
    put("message", door.display.text);
    find("lamp").className = "bulb " + door.lamp;
    put("lamp-text", door.lamp_text);
    find("bolt-mark").className = "mark " + door.bolt;
    put("bolt", BOLT[door.bolt]);
    put("door-position", DOOR[door.door]);
    put("battery", door.powered ? `${(door.battery_mv / 1000).toFixed(2)} V・${door.temperature_c} ℃` : "なし");
    put("network", !door.network_up ? "切" : door.contact ? "通信中" : "入");
    put("clock", when(door.clock.at).slice(-8) + "(" + QUALITY[door.clock.quality] + ")");
    put("last-contact", when(door.last_contact));
    put("next-sync", door.next_try_in_s === null ? when(door.next_sync) : Math.ceil(door.next_try_in_s / 60) + "分後に再試行");
    put("applied", door.applied ? "第" + door.applied + "版" : "まだなし");
    put("mode", MODE[door.operating_mode]);
    put("do-door", door.door === "open" ? "扉を閉める" : "扉を開ける");
    if (find("do-key")) {
      put("key-position", KEY[door.key]);
      put("do-key", door.key === "out" ? "鍵を戻す" : "鍵を取り出す");
      // An open box alone gives the key out, or takes it back.
      find("do-key").disabled = door.bolt !== "unlocked";
    }
    put("do-network", door.network_up ? "電波を切る" : "電波を入れる");
    put("do-battery", door.powered ? "電池を抜く" : "電池を入れる");
    drawLog(door.log);
  }

  async function send(path, body) {
    const answer = await fetch(api + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.ok) draw(await answer.json());
  }

  // One after the other: keys must arrive in the order in which they were pressed.
  let queue = Promise.resolve();
  const later = (path, body) => { queue = queue.then(() => send(path, body)).catch(() => {}); };

  async function poll() {
    try {
      if (!document.hidden) {
        const answer = await fetch(api);
        if (answer.ok) draw(await answer.json());
      }
    } catch (problem) {
      put("message", "模擬の錠に届きません");
    }
    setTimeout(poll, 700);
  }

  const buttons = new Map();
  document.querySelectorAll(".key").forEach((button) => {
    buttons.set(button.dataset.key, button);
    button.addEventListener("click", () => later("/press", { key: button.dataset.key }));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Enter on a button presses that button; elsewhere it is 確定.
    if (event.key === "Enter" && event.target.closest("button, a")) return;
    const key = { Enter: "#", Backspace: "*", Escape: "*" }[event.key] || event.key;
    const button = buttons.get(key);
    if (!button) return;
    event.preventDefault();
    button.classList.add("down");
    setTimeout(() => button.classList.remove("down"), 120);
    later("/press", { key });
  });
  find("do-door").addEventListener("click", () => later("/door", { open: seen.door !== "open" }));
  find("do-key")?.addEventListener("click", () => later("/key", { out: seen.key !== "out" }));
  find("do-network").addEventListener("click", () => later("/network", { up: !seen.network_up }));
  find("do-sync").addEventListener("click", () => later("/sync", {}));
  find("do-battery").addEventListener("click", () => later("/battery", { pulled: seen.powered }));
  poll();
})();
