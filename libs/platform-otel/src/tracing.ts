import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
} from '@opentelemetry/api';

export interface OpenSpan {
  /** The context in which the span is the current one. */
  context: Context;
  /** Hex trace id, or undefined where nothing is traced. */
  traceId: string | undefined;
  annotate(attributes: Attributes): void;
  /** Ends the span once; an error reason marks it failed. */
  end(errorReason?: string): void;
}

/** Opens a server span as a child of the W3C trace context in `headers`, if there is one. */
export function openServerSpan(
  name: string,
  headers: Readonly<Record<string, unknown>>,
  attributes: Attributes,
): OpenSpan {
  const parent = propagation.extract(context.active(), headers, {
    keys: (carrier) => Object.keys(carrier),
    get: (carrier, key) => {
      const value = carrier[key];
      return typeof value === 'string' ? value : undefined;
    },
  });
  const span = trace.getTracer('longhaul').startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  const id = span.spanContext().traceId;
  let open = true;
  return {
    context: trace.setSpan(parent, span),
    traceId: /^0*$/.test(id) ? undefined : id,
    annotate: (more) => span.setAttributes(more),
    end(errorReason) {
      if (!open) return;
      open = false;
      if (errorReason !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: errorReason });
      span.end();
    },
  };
}

/** Runs `action` with the span as the current one, so that calls to other services carry its trace context. */
export function inSpan<T>(span: OpenSpan, action: () => T): T {
  return context.with(span.context, action);
}

/** The trace context of the current span as header pairs (`traceparent`, `tracestate`). */
export function traceHeaders(): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier;
}
