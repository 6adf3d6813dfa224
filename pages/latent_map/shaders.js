/** The programs of the graphics processor that draw the points. */

export const VERTEX = `#version 300 es
precision highp float;
precision highp int;
in float x;
in float y;
in uint code;
in uint state;
in float weight;
uniform vec2 scale;       // from steps to clip space
uniform vec2 offset;
uniform float diameter;   // device pixels of an ordinary point
uniform float spread;     // how much the weight changes the size, 0 to 1
uniform vec4 faded;       // colour of points outside the selection
uniform sampler2D palette;
uniform float rim;        // device pixels of the ink around a selected point
out vec4 fill;
flat out float radius;
flat out float inkRadius;

const uint FADED = 1u;
const uint SELECTED = 2u;

void main() {
  gl_Position = vec4(2.0, 2.0, 0.0, 1.0);
  gl_PointSize = 1.0;
  if (x > 65534.5) return;
  gl_Position = vec4(vec2(x, y) * scale + offset, 0.0, 1.0);
  ivec2 place = ivec2(int(code) & 255, int(code) >> 8);
  fill = state == FADED ? faded : texelFetch(palette, place, 0);
  float size = diameter * mix(1.0, 0.5 + 1.6 * weight, spread);
  size *= state == FADED ? 0.8 : (code == 0u && state != SELECTED ? 0.75 : 1.0);
  if (state == SELECTED) size = size * 1.35 + 1.0;
  inkRadius = state == SELECTED ? rim : 0.0;
  radius = size * 0.5 + inkRadius;
  gl_PointSize = 2.0 * radius + 1.0;
}`;

export const FRAGMENT = `#version 300 es
precision highp float;
in vec4 fill;
flat in float radius;
flat in float inkRadius;
uniform vec4 ink;
out vec4 colour;

void main() {
  float distance = length(gl_PointCoord - 0.5) * (2.0 * radius + 1.0);
  float coverage = clamp(radius - distance + 0.5, 0.0, 1.0);
  if (coverage <= 0.0) discard;
  float inside = inkRadius > 0.0 ? clamp(radius - inkRadius - distance + 0.5, 0.0, 1.0) : 1.0;
  vec4 mixed = mix(ink, fill, inside);
  colour = vec4(mixed.rgb * mixed.a, mixed.a) * coverage;
}`;

/** Compile and link; the attributes get the given places. */
export function linked(gl, attributes) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  attributes.forEach((name, place) => gl.bindAttribLocation(program, place, name));
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`The map cannot be drawn: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}
