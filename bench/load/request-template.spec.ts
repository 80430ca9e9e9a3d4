import { expandCounter, type RequestSpec, RequestTemplate } from './request-template.ts';

const SPEC: RequestSpec = {
  method: 'POST',
  path: '/items/{{counter}}',
  headers: { 'X-Item': '{{counter}}', Accept: '*/*' },
  body: '{"name":"é {{counter}}"}',
};

describe('RequestTemplate', () => {
  it('lays the request out and replaces every counter in place', () => {
    const template = new RequestTemplate(SPEC, '127.0.0.1:80');
    const { bytes } = template;
    template.fill(42);
    expect(bytes.toString('utf8')).toBe(
      'POST /items/000000000042 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-Item: 000000000042\r\nAccept: */*\r\n' +
        'Content-Length: 26\r\n\r\n{"name":"é 000000000042"}',
    );
    template.fill(123_456_789_012);
    expect(bytes.toString('utf8').match(/123456789012/g)).toHaveLength(3);
    expect(template.bytes).toBe(bytes);
  });

  it('sends no Content-Length without a body', () => {
    const template = new RequestTemplate({ method: 'GET', path: '/', headers: {} }, 'h');
    expect(template.bytes.toString()).toBe('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  });

  it('expands single texts the same way', () => {
    expect(expandCounter('a{{counter}}b{{counter}}', 7)).toBe('a000000000007b000000000007');
  });

  it('refuses texts that contain the mark', () => {
    expect(() => new RequestTemplate({ ...SPEC, path: '/\x01' }, 'h')).toThrow('U+0001');
  });
});
