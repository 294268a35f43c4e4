// What the pages do beyond forms and links; all of them work without it.
"use strict";

// Parts of a page that change by themselves are asked for again when the daemon tells something.
const live = () => document.querySelectorAll("[data-live]");
let asked = false;

// Nothing moves under a finger, and a form that has been sent is not overtaken.
let held = false;
let sent = false;
document.addEventListener("pointerdown", () => (held = true));
for (const what of ["pointerup", "pointercancel", "blur"]) {
  window.addEventListener(what, () => (held = false));
}
window.addEventListener("pointermove", (event) => event.buttons || (held = false)); // let go outside

async function refresh() {
  if (asked) return;
  asked = true;
  do await new Promise((done) => setTimeout(done, 300));
  while (held);
  asked = false;
  const answer = await fetch(location.href).catch(() => null);
  const text = answer?.ok ? await answer.text() : "";
  if (sent) return;
  if (held) return void refresh();
  if (!answer?.ok) return answer === null ? undefined : location.reload();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of live()) {
    const next = fresh.getElementById(part.id);
    next?.querySelectorAll("details").forEach((each, place) => {
      each.open = part.querySelectorAll("details")[place]?.open ?? false;
    });
    // what is in use is left alone, and what is the same is not read out again
    if (next && next.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) {
      part.className = next.className;
      part.toggleAttribute("data-busy", next.hasAttribute("data-busy"));
      part.replaceChildren(...next.childNodes);
    }
  }
}

if (live().length) {
  const source = new EventSource("/live");
  for (const what of ["turn", "state", "event"]) source.addEventListener(what, refresh);
  setInterval(refresh, 30000);
  setInterval(() => document.querySelector("[data-busy]") && refresh(), 2000); // a task goes on
}

// A page that waits for the daemon looks again.
if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 5000);

for (const link of document.querySelectorAll("[data-back]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.back();
  });
}

// A code comes with the address that was scanned; it is not to stay in the history.
function scanned() {
  const code = document.querySelector("input#code");
  if (!code || !/^#\d{6}/.test(location.hash)) return;
  code.value = location.hash.slice(1, 7);
  history.replaceState(null, "", location.pathname);
  document.getElementById("name").focus();
}
scanned();
window.addEventListener("hashchange", scanned); // the page was open already

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault(); // not twice
  form.dataset.sent = "1";
  sent = true;
  setTimeout(() => (sent = false), 30000); // it saved a file, and the page is still here
  const waiting = document.getElementById("waiting");
  if (waiting && form.querySelector(".wait")) waiting.hidden = false;
});
window.addEventListener("pageshow", () => {
  sent = false;
  for (const form of document.forms) delete form.dataset.sent;
});

// A sentence is recorded here: 16 kHz, mono, 16 bits, which the daemon takes as it is.
const LONGEST_S = 30;

async function record(stopped) {
  const constraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: constraints });
  const context = new AudioContext({ sampleRate: 16000 });
  const blocks = [];
  try {
    await context.audioWorklet.addModule(document.querySelector("[data-recorder]").dataset.recorder);
    const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    node.port.onmessage = (event) => blocks.push(event.data);
    context.createMediaStreamSource(stream).connect(node);
    await Promise.race([stopped, new Promise((done) => setTimeout(done, LONGEST_S * 1000))]);
  } finally {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
  }
  return new File(blocks, "sentence");
}

for (const form of document.querySelectorAll("[data-record]")) {
  form.hidden = !(navigator.mediaDevices && window.AudioWorkletNode);
  const button = form.querySelector("button");
  let stop = null;
  button.addEventListener("click", async () => {
    if (stop) return stop();
    const label = button.textContent;
    button.textContent = button.dataset.stop;
    button.classList.add("recording");
    try {
      const sound = await record(new Promise((done) => (stop = done)));
      const files = new DataTransfer();
      files.items.add(sound);
      form.querySelector("input[type=file]").files = files.files;
      form.requestSubmit();
    } catch (error) {
      form.querySelector("[data-refused]").hidden = false;
    }
    stop = null;
    button.textContent = label;
    button.classList.remove("recording");
  });
}
