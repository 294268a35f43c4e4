// Hands the microphone's sound on, as 16-bit samples.
registerProcessor(
  "recorder",
  class extends AudioWorkletProcessor {
    process([[sound]]) {
      if (sound) this.port.postMessage(Int16Array.from(sound, (each) => Math.max(-1, Math.min(1, each)) * 32767));
      return true;
    }
  },
);
